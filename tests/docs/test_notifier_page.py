"""docs/services/notifier.md: every word between backticks is one of the code or of the policies."""

import re
from pathlib import Path

from services.notifier.decider import DECIDERS
from services.roster import all_services
from tests.notifier.policies import KINDS, TABLES

ROOT = Path(__file__).resolve().parents[2]
# What follows is told by pictures and steps.
PAGE = (ROOT / "docs/services/notifier.md").read_text(encoding="utf-8").partition("## Tying")[0]
PROSE = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
NAMES = set(re.findall(r"`([A-Z][A-Za-z]+)`", PROSE))
FIELDS = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", PROSE))
QUERIES = {"GetDigest"}


def test_commands_and_events_that_it_names_exist() -> None:
    services = all_services().values()
    known = {
        message.DESCRIPTOR.name
        for service in services
        for decider in service.deciders
        for message in (*decider.commands, *decider.events)
    }
    assert NAMES - known - QUERIES == set()


def test_it_tells_the_whole_course_of_an_assignment() -> None:
    events = {event.DESCRIPTOR.name for event in DECIDERS[0].events}
    assert events - NAMES == set()


def test_the_parts_of_a_policy_that_it_names_are_there() -> None:
    keys = {key for row in KINDS.values() for key in row}
    keys |= {"valid_from", "stale_after_s", "import_id"}
    keys |= {key for section in TABLES["hours"].values() for key in section}
    assert FIELDS - keys == set()


def test_its_table_of_kinds_is_that_of_the_policies() -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| `?([A-Za-z—]+)`? \|", PAGE, flags=re.MULTILINE))
    stated = {
        kind: row["event"].rpartition(".")[2] if "event" in row else "—"
        for kind, row in KINDS.items()
    }
    assert {kind: cause for kind, cause in rows.items() if kind in stated} == stated


def test_the_files_that_it_names_exist() -> None:
    files = set(re.findall(r"`((?:programme|services|bench)/[a-z_/]+\.(?:toml|py|md))`", PROSE))
    assert files
    assert [each for each in sorted(files) if not (ROOT / each).exists()] == []
