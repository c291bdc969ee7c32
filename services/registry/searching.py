"""Search first: people by what is known of them, compared as keyed digests, opened page by page."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    and_,
    exists,
    or_,
    select,
    union,
)
from sqlalchemy.sql.elements import KeyedColumnElement

from chassis.paging import below, page
from chassis.rejection import require
from services.registry.decider.registration import ACTIVE_MEMBER
from services.registry.tokening import events_behind, tokens_passed
from services.registry.tokens import Kind, Tokens, tokens_of
from services.registry.views import regions
from services.registry.views.households import files_now
from services.registry.views.name_tokens import NAME_TOKENS
from services.wiring import ServeParts
from tuopin.registry.v1.household_pb2 import Household, Member
from tuopin.registry.v1.search_pb2 import FindPeople, PeoplePage, PersonRow

VILLAGE_DIGITS = 12
PAGE_PEOPLE = 20
# Of each text the kinds of token it may be.
NAMES = (Kind.NAME, Kind.PART)
SOUNDS = (Kind.SOUND, Kind.INITIALS)

Token = tuple[Kind, bytes]
Key = Sequence[KeyedColumnElement[Any]]


class Search:
    """Answers FindPeople."""

    def __init__(self, parts: ServeParts) -> None:
        self._parts = parts
        self._tokens: Tokens = tokens_of(parts)

    async def people(self, query: FindPeople) -> PeoplePage:
        """Those whom everything fits that is given, village by village, in clear."""
        require_narrow(query)
        if query.HasField("at_least"):
            await tokens_passed(self._parts, query.at_least)
        owner = await self._owner(query.identity_number)
        if query.identity_number and not owner:
            return PeoplePage(behind_events=await events_behind(self._parts))
        wanted, key = matching(query, list(self._alternatives(query)), owner)
        found = await self._parts.views.query(lambda each: _page(each, wanted, key, query))
        await self._open(found.people)
        found.behind_events = await events_behind(self._parts)
        return found

    async def _owner(self, identity_number: str) -> str:
        """Of a number the claim says at once who has it."""
        if not identity_number:
            return ""
        digest = self._parts.sealer.blind(ACTIVE_MEMBER, identity_number)
        return await self._parts.store.claim_owner(ACTIVE_MEMBER, digest) or ""

    def _alternatives(self, query: FindPeople) -> Iterator[list[Token]]:
        """For each text that is given, the tokens of which a person has one."""
        for text, kinds in (
            (query.name, NAMES),
            (query.pinyin, SOUNDS),
            (query.phone, (Kind.PHONE,)),
        ):
            if text.strip():
                yield [(kind, self._tokens.one(kind, text)) for kind in kinds]

    async def _open(self, people: Sequence[PersonRow]) -> None:
        await self._parts.sealer.opening(people)
        for person in people:
            self._parts.sealer.open(person)


def require_narrow(query: FindPeople) -> None:
    """A list of everybody in a county is no search."""
    told = query.name.strip() or query.pinyin.strip() or query.phone or query.identity_number
    require(told or len(query.region_id) == VILLAGE_DIGITS, "search-too-wide", field="region_id")


def matching(
    query: FindPeople, alternatives: Sequence[Sequence[Token]], owner: str
) -> tuple[Select[tuple[Any, ...]], Key]:
    """One row per person, and its key; the first text leads, the others must hold of the same."""
    first, *others = alternatives or [[(Kind.ANYONE, b"")]]
    people = union(*(_having(token, query.region_id) for token in first)).subquery("people")
    found = people.c
    wanted = select(people)
    for further in others:
        wanted = wanted.where(_has(people, further))
    if owner:
        household_id, _, person_id = owner.partition("/")
        wanted = wanted.where(found.household_id == household_id, found.person_id == person_id)
    if query.born_from:
        wanted = wanted.where(found.birth_year >= query.born_from)
    if query.born_to:
        wanted = wanted.where(found.birth_year <= query.born_to)
    return wanted, (found.village_id, found.household_id, found.person_id)


def _having(token: Token, region_id: str) -> Select[tuple[Any, ...]]:
    kind, digest = token
    rows = NAME_TOKENS.c
    return select(rows.village_id, rows.household_id, rows.person_id, rows.birth_year).where(
        rows.kind == kind, rows.token == digest, below(rows.village_id, region_id)
    )


def _has(people: Subquery, tokens: Sequence[Token]) -> ColumnElement[bool]:
    rows = NAME_TOKENS.alias("further").c
    return exists().where(
        or_(*(and_(rows.kind == kind, rows.token == digest) for kind, digest in tokens)),
        rows.village_id == people.c.village_id,
        rows.household_id == people.c.household_id,
        rows.person_id == people.c.person_id,
    )


def _page(
    connection: Connection, wanted: Select[tuple[Any, ...]], key: Key, query: FindPeople
) -> PeoplePage:
    found = page(connection, wanted, key, query.page_size or PAGE_PEOPLE, query.page_token)
    files = files_now(connection, sorted({row.household_id for row in found.rows}))
    names = regions.names_of(connection, sorted({row.village_id for row in found.rows}))
    people = []
    for row in found.rows:
        file = files.get(row.household_id)
        members = file.members if file is not None else ()
        # The views may know of a departure that the tokens are about to learn.
        present = [each for each in members if each.person_id == row.person_id]
        people += [_person(file, each, names) for each in present if file is not None]
    return PeoplePage(people=people, next_page_token=found.next_page_token, total=found.total)


def _person(file: Household, member: Member, names: Mapping[str, str]) -> PersonRow:
    return PersonRow(
        person_id=member.person_id,
        household_id=file.household_id,
        name=member.name,
        identity_number=member.identity_number,
        birth_year=member.birth_year,
        sex=member.sex,
        relation=member.relation,
        household_number=file.household_number,
        status=file.status,
        village_id=file.village_id,
        village_name=names.get(file.village_id, ""),
        synthetic=file.synthetic,
    )
