"""Each service's README tells, in tables, what its code does: command, events, views, reactions.

So does its page in docs/services, where there is one: each command stands in one of the two. A
table with a column "events" is such a table. Own events stand in rows with a command, foreign ones
in rows without. A row's views are those that project one of its events; its reactions are the
reactions and deadlines that hear one of them.
"""

import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from chassis.programme import Programme
from services.roster import NAMES, service

ROOT = Path(__file__).resolve().parents[2] / "services"
PAGES = ROOT.parent / "docs" / "services"
PROGRAMME = Programme.load(ROOT.parent / "programme")
Row = dict[str, set[str]]


def rows_of(readme: str) -> Iterator[Row]:
    """The rows of every table about events: column -> what stands there between backticks."""
    columns: list[str] = []
    for line in readme.splitlines():
        if not line.startswith("|"):
            columns = []
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not columns:
            columns = cells
        elif "events" in columns and set(line) - set("|-: "):
            assert len(cells) == len(columns), line
            yield {
                column: set(re.findall(r"`([^`]+)`", cell))
                for column, cell in zip(columns, cells, strict=True)
            }


def told(rows: Iterable[Row], column: str) -> set[str]:
    return set().union(*(row.get(column, set()) for row in rows))


def names(classes: Iterable[Any]) -> set[str]:
    return {each.DESCRIPTOR.name for each in classes}


class Rooms:
    """What the modules of a service say."""

    def __init__(self, name: str) -> None:
        decider = import_module(f"services.{name}.decider")
        views = import_module(f"services.{name}.views")
        reactions = import_module(f"services.{name}.reactions")
        self.commands = names(c for decider in decider.DECIDERS for c in decider.commands)
        self.own_events = names(e for decider in decider.DECIDERS for e in decider.events)
        self.views = {view.name: names(view.events) for view in views.VIEWS}
        caused = service(name).caused(PROGRAMME)
        self.reactions = {
            each.name: {each.event.DESCRIPTOR.name} for each in (*reactions.REACTIONS, *caused)
        }
        for deadline in getattr(views, "DEADLINES", ()):
            self.reactions[deadline.name] = names(deadline.events)


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_tells_what_the_service_does(name: str) -> None:
    pages = [ROOT / name / "README.md", *PAGES.glob(f"{name}.md")]
    rows = [row for page in pages for row in rows_of(page.read_text(encoding="utf-8"))]
    rooms = Rooms(name)
    assert told(rows, "command") == rooms.commands
    assert told([row for row in rows if row.get("command")], "events") == rooms.own_events
    heard = set().union(*rooms.views.values(), *rooms.reactions.values())
    assert told(rows, "events") == rooms.own_events | heard
    for row in rows:
        hearing = {view for view, events in rooms.views.items() if events & row["events"]}
        assert row["views"] == hearing, row
        reacting = {each for each, events in rooms.reactions.items() if events & row["events"]}
        assert row["reactions"] == reacting, row


@pytest.mark.parametrize("name", NAMES)
def test_a_service_is_told_in_its_first_line(name: str) -> None:
    assert (ROOT / name / "README.md").read_text(encoding="utf-8").startswith(f"# {name}: ")
