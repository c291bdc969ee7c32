"""A canary name, number, phone, address, witness and note: in no log line, span, chat text of the
bot, Kafka record or data file; and the check fails when one `personal` option is removed.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.canary import CANARIES, FORMS, Found, check

ROOT = Path(__file__).resolve().parents[2]


def assert_looked_at(looked_at: dict[str, int], *also: str) -> None:
    for what in ("file bytes", "chat messages", "spans", "log lines", *also):
        assert looked_at[what] > 0, f"nothing of {what} was looked at"


async def test_no_canary_is_found_embedded(tmp_path: Path) -> None:
    report = await check(tmp_path)
    assert report.found.places == []
    assert_looked_at(report.looked_at)


async def test_no_canary_is_found_on_kafka(
    tmp_path: Path, kafka_bootstrap: str, topic_prefix: str
) -> None:
    report = await check(tmp_path, kafka=kafka_bootstrap, prefix=topic_prefix)
    assert report.found.places == []
    assert_looked_at(report.looked_at, "records")


def test_without_the_personal_option_of_one_field_the_check_fails(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.system.canary", str(tmp_path)]
    done = subprocess.run(
        [*command, "--forget", "tuopin.registry.v1.Member.name"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"name", "imported name"} == {each["canary"] for each in found}
    assert "file registry/events.db" in {each["where"].removesuffix("-wal") for each in found}


@pytest.mark.parametrize("name", CANARIES)
def test_each_form_of_a_canary_is_recognised(name: str) -> None:
    text = CANARIES[name]
    for around in ("", "a", "ab", "abc"):
        for data in (
            f"{around}{text}{around}".encode(),
            json.dumps({"name": f"{around}{text}"}).encode(),
            __import__("base64").b64encode(f"{around}{text}{around}".encode()),
            __import__("base64").urlsafe_b64encode(f"{around}{text}{around}".encode()),
            f"{around}{text}".encode().hex().encode(),
        ):
            found = Found()
            found.look("here", data)
            assert (name, "here") in found.places, data


def test_no_form_is_so_short_that_it_is_found_by_chance() -> None:
    assert min(len(form) for forms in FORMS.values() for form in forms) >= 8
