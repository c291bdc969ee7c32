"""No personal data goes out through the chat, and none lies readable on the disk or in a log."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
from structlog.testing import LogCapture

from localchat.client import text_of
from tests.notifier.stage import HELPER, NAME, PERSONS, ROOT, Stage
from tests.notifier.staging import on_stage
from tests.notifier.test_chat_story import png
from tuopin.registry.v1.region_pb2 import RegionsAdopted
from tuopin.types.v1.types_pb2 import Edition

CHAT = 7_700_112_233
NOTE = "CANARY-NOTE 张三丰"
CANARIES = (NAME, "CANARY-CADRE", "CANARY-NOTE", "张三丰", str(CHAT), "283712345")


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setitem(PERSONS, HELPER, CHAT)
    async with on_stage(tmp_path) as stage:
        yield stage


@pytest.fixture
def logged() -> AsyncIterator[LogCapture]:
    capture = LogCapture()
    before = structlog.get_config()["processors"]
    structlog.configure(processors=[capture])
    yield capture  # type: ignore[misc]
    structlog.configure(processors=before)


def forms(canary: str) -> set[bytes]:
    """The ways in which a text may lie in a file."""
    plain = canary.encode()
    return {
        plain,
        canary.encode("utf-16-le"),
        json.dumps(canary).strip('"').encode(),
        base64.b64encode(plain)[:-4] or plain,
    }


async def _story(here: Stage) -> list[str]:
    """Everything a cadre can do; what the bot said."""
    await here.appoint_both()
    digest = next((ROOT / "programme" / "regions").glob("*.csv.gz")).name.split(".")[0]
    adopted = RegionsAdopted(edition=Edition(name="cn", sha256=digest, count=1))
    await here.hear("region", "region-cn", adopted)
    person = await here.link()
    (task,) = await here.offered()
    message = await here.task_message(person, ":ack:")
    await here.press(person, message, "ack")
    await here.people.say(person, NOTE, reply_to=message["message_id"])
    await here.people.location(person, 28.3712345, 109.47, reply_to=message["message_id"])
    await here.people.photo(person, png(), NOTE, reply_to=message["message_id"])
    await here.people.say(person, "/tasks")
    await here.people.say(person, NOTE * 200)
    await here.task_message(person, "待办任务")
    await here.until_assignment(task.assignment_id, lambda a: a.evidence_count >= 3)
    await here.press(person, message, "done")
    await here.task_message(person, "等待核实")
    messages = await here.people.messages(person)
    return [text_of(m) for m in messages if m["from"]["is_bot"]]


async def test_canaries_are_nowhere(here: Stage, logged: LogCapture) -> None:
    said = await _story(here)
    assert any("户编号:0001" in text for text in said)
    await here.stop_bot()
    files = {p: p.read_bytes() for p in here.folder.rglob("*") if p.is_file()}
    assert {"events.db", "views.db", "bot.db", "keys.db"} <= {path.name for path in files}
    for canary in CANARIES:
        assert not [text for text in said if canary in text], canary
        assert canary not in str(logged.entries), canary
        for path, data in files.items():
            found = [form for form in forms(canary) if form in data]
            assert not found, f"{canary} lies in {path.name}"


async def test_the_village_is_called_by_its_name(here: Stage) -> None:
    said = await _story(here)
    (place,) = {line for text in said for line in text.splitlines() if line.startswith("地点:")}
    assert "433124110226" not in place
    assert place.endswith("村") or "村" in place
