"""What the bot says when it is asked: lists page by page, details of a task, choices to tap."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from chassis.clock import Clock
from chassis.times import day_of
from chassis.viewstore import ViewStore
from services.notifier.chat.catalogue import Catalogue, joined
from services.notifier.chat.people import People
from services.notifier.chat.taps import DECLINE, LANGUAGE, NOBODY, PAGE, PROVE, SNOOZE, Tap, encode
from services.notifier.chat.tasks import (
    Button,
    Shown,
    end_of_day_us,
    kind_of,
    short_cadre,
    shown_details,
)
from services.notifier.views.assignments import OPEN, TO_FINISH, assignment_row, open_of
from services.notifier.views.cadres import posts_of
from services.notifier.views.team import Load, overdue_below, team_of

PAGE_LINES = 8
# More is not asked for in a chat.
LIST_MAX = 400
TASKS_MAX = 6
SNOOZES_S = (3_600, 86_400, 3 * 86_400)
LANGUAGES = {"zh": "中文", "en": "English"}
SUPERVISORS = ("TOWNSHIP_SPECIALIST", "COUNTY_LEADER")
LISTS = ("tasks", "today", "household", "overdue", "team")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which list or which task's details, of which cadre."""

    cadre_id: str
    what: str
    page: int = 0
    # Number of the household, or, in a button that has no room for it, one of its assignments.
    about: str = ""
    assignment_id: str = ""


class Answers:
    """Reads views; changes nothing."""

    def __init__(
        self, views: ViewStore, people: People, policies: Mapping[str, Any], clock: Clock
    ) -> None:
        self._views = views
        self._people = people
        self._reasons: Mapping[str, Any] = policies.get("decline_reasons", {})
        self._clock = clock

    async def supervised(self, cadre_id: str) -> list[str]:
        """The regions that the cadre answers for."""
        posts = await self._views.query(partial(_posts, cadre_id))
        return sorted({each.region_id for each in posts if each.post in SUPERVISORS})

    async def listed(self, wanted: Wanted, catalogue: Catalogue) -> Shown:
        """One page of a list, with a button to the next."""
        if wanted.what == "household":
            wanted = await self._of_household(wanted)
        lines, title = await self._lines(wanted, catalogue)
        if not lines:
            return Shown(title)
        start = min(wanted.page * PAGE_LINES, (len(lines) - 1) // PAGE_LINES * PAGE_LINES)
        number = start // PAGE_LINES
        shown = [title, *lines[start : start + PAGE_LINES]]
        buttons = list[Button]()
        if number:
            buttons.append(self._page(catalogue, "back", wanted, number - 1))
        if start + PAGE_LINES < len(lines):
            buttons.append(self._page(catalogue, "more", wanted, number + 1))
        return Shown(joined(shown), tuple(buttons))

    async def _of_household(self, wanted: Wanted) -> Wanted:
        """With number and assignment, whichever of them was given."""
        if wanted.assignment_id:
            row = await self._row(wanted.assignment_id)
            return replace(wanted, about=row.household_number if row else "")
        rows = await self._views.query(partial(_open, wanted.cadre_id))
        found = (row.assignment_id for row in rows if row.household_number == wanted.about)
        return replace(wanted, assignment_id=next(found, ""))

    async def details(self, assignment_id: str, cadre_id: str, catalogue: Catalogue) -> Shown:
        """Everything that may be said of a task in a chat."""
        row = await self._row(assignment_id)
        if row is None:
            return Shown(catalogue.text("tap.not-ours"))
        words = await self._people.words(row, cadre_id)
        return Shown(shown_details(row, cadre_id, words))

    async def reasons(self, tap: Tap, catalogue: Catalogue) -> Shown:
        """Why not? One button a reason."""
        buttons = [
            self._button(text[catalogue.language], Tap(DECLINE, tap.assignment_id, tap.turn, code))
            for code, text in self._reasons.items()
        ]
        return Shown(catalogue.text("decline.why"), tuple(buttons))

    async def times(self, tap: Tap, catalogue: Catalogue) -> Shown:
        """For how long? One button a time."""
        buttons = [
            self._button(
                catalogue.plain(f"snooze.for-{seconds}"),
                Tap(SNOOZE, tap.assignment_id, tap.turn, str(seconds)),
            )
            for seconds in SNOOZES_S
        ]
        return Shown(catalogue.text("snooze.how-long"), tuple(buttons))

    async def languages(self, catalogue: Catalogue) -> Shown:
        """Each language in its own words."""
        buttons = [
            self._button(name, Tap(LANGUAGE, choice=code)) for code, name in LANGUAGES.items()
        ]
        return Shown(catalogue.text("language.which"), tuple(buttons))

    async def which_task(self, cadre_id: str, catalogue: Catalogue) -> Shown:
        """Several are taken: which one is meant? One button a task."""
        taken = await self._views.query(partial(_taken, cadre_id))
        buttons = [
            self._button(
                f"{kind_of(row, catalogue)} {row.household_number}",
                Tap(PROVE, row.assignment_id, row.turn),
            )
            for row in taken
        ]
        return Shown(catalogue.text("evidence.which-task"), tuple(buttons))

    async def _lines(self, wanted: Wanted, catalogue: Catalogue) -> tuple[list[str], str]:
        now_us = self._clock.now_us()
        if wanted.what in ("overdue", "team"):
            regions = await self.supervised(wanted.cadre_id)
            if not regions:
                return [], catalogue.text("list.not-supervisor")
            if wanted.what == "team":
                team = await self._views.query(partial(_team, regions, now_us))
                return [_load(each, catalogue) for each in team], _title("team", team, catalogue)
            rows = await self._views.query(partial(_overdue, regions, now_us))
            return await self._tasks(rows, catalogue, now_us, who=True), _title(
                "overdue", rows, catalogue
            )
        rows = await self._views.query(partial(_open, wanted.cadre_id))
        if wanted.what == "today":
            until_us = end_of_day_us(now_us)
            rows = [row for row in rows if row.due_at_us <= until_us]
        if wanted.what == "household":
            rows = [row for row in rows if row.household_number == wanted.about]
            if not rows:
                return [], catalogue.text("list.household-none")
        return await self._tasks(rows, catalogue, now_us), _title(wanted.what, rows, catalogue)

    async def _tasks(
        self, rows: Sequence[Row[Any]], catalogue: Catalogue, now_us: int, *, who: bool = False
    ) -> list[str]:
        places = await self._people.places.names(row.village_id for row in rows)
        lines = list[str]()
        for row in rows:
            state = "taken" if row.status in TO_FINISH else "to-take"
            if row.due_at_us < now_us:
                state = "late"
            line = catalogue.text(
                "list.line",
                kind=kind_of(row, catalogue),
                number=row.household_number,
                place=places[row.village_id],
                due=day_of(row.due_at_us),
                state=catalogue.texts[f"list.{state}"],
            )
            if who:
                line += catalogue.text("list.who", cadre=_who(row.cadre_id, catalogue))
            lines.append(line)
        return lines

    def _page(self, catalogue: Catalogue, name: str, wanted: Wanted, number: int) -> Button:
        choice = f"{wanted.what}-{number}"
        tap = Tap(PAGE, wanted.assignment_id or NOBODY, choice=choice)
        return self._button(catalogue.plain(f"button.{name}"), tap)

    def _button(self, text: str, tap: Tap) -> Button:
        return Button(text, encode(tap, self._people.sign))

    async def _row(self, assignment_id: str) -> Row[Any] | None:
        find: Callable[[Connection], Row[Any] | None] = partial(_assignment, assignment_id)
        return await self._views.query(find)


def page_of(choice: str) -> tuple[str, int]:
    """List and page that a button named."""
    what, _, number = choice.partition("-")
    return what, int(number) if number.isdigit() else 0


def _title(what: str, rows: Sequence[Any], catalogue: Catalogue) -> str:
    if not rows:
        return catalogue.text("list.none")
    key = "list.title" if what in ("tasks", "household") else f"list.title-{what}"
    return catalogue.text(key, count=len(rows))


def _load(load: Load, catalogue: Catalogue) -> str:
    return catalogue.text(
        "list.load",
        cadre=_who(load.cadre_id, catalogue),
        count=load.open_count,
        late=load.overdue_count,
    )


def _who(cadre_id: str, catalogue: Catalogue) -> str:
    return short_cadre(cadre_id) or catalogue.texts["list.nobody"]


def _posts(cadre_id: str, connection: Connection) -> Any:
    return posts_of(connection, cadre_id)


def _open(cadre_id: str, connection: Connection) -> Sequence[Row[Any]]:
    return open_of(connection, cadre_id, OPEN, LIST_MAX)


def _taken(cadre_id: str, connection: Connection) -> Sequence[Row[Any]]:
    return open_of(connection, cadre_id, TO_FINISH, TASKS_MAX)


def _overdue(regions: Sequence[str], now_us: int, connection: Connection) -> Sequence[Row[Any]]:
    return overdue_below(connection, regions, now_us, LIST_MAX)


def _team(regions: Sequence[str], now_us: int, connection: Connection) -> list[Load]:
    return team_of(connection, regions, now_us)


def _assignment(assignment_id: str, connection: Connection) -> Row[Any] | None:
    return assignment_row(connection, assignment_id)
