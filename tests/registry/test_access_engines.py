"""Search and the lists of reads give the same on PostgreSQL as on SQLite."""

from collections.abc import Iterator

import pytest

from chassis.paging import page
from chassis.viewstore import ViewStore
from services.registry.searching import matching
from services.registry.tokens import Kind
from services.registry.views import name_tokens, reads
from services.registry.views.name_tokens import TokenRow
from services.registry.views.reads import list_break_glasses, list_reads
from tests.registry.test_reads_views import GLASS, REGION, story
from tuopin.registry.v1.access_pb2 import ListBreakGlasses, ListReads
from tuopin.registry.v1.search_pb2 import FindPeople

VILLAGES = ("433124110226", "433124110227")
TOKEN, OTHER = b"t" * 16, b"o" * 16


@pytest.fixture(params=["sqlite", "postgresql"])
def views(request: pytest.FixtureRequest) -> Iterator[ViewStore]:
    place = "sqlite://"
    if request.param == "postgresql":
        place = request.getfixturevalue("postgres_database")()
    store = ViewStore(place, [reads.VIEW])
    store.create()
    name_tokens.create(store.engine)
    for call in story().batches(store.topics):
        store.apply(call)
    assert not store.stopped()
    yield store
    store.close()


async def test_reads_are_listed_by_person_reader_and_break_glass(views: ViewStore) -> None:
    for query, count in (
        (ListReads(region_id=REGION), 6),
        (ListReads(subject_id="p-1"), 4),
        (ListReads(reader="li"), 1),
        (ListReads(break_glass_id=GLASS), 2),
        (ListReads(from_day="1970-01-01", to_day="1970-01-01"), 6),
        (ListReads(from_day="1970-01-02"), 0),
    ):
        assert views.read(lambda each, query=query: list_reads(each, query)).total == count  # type: ignore[misc]
    first = views.read(lambda each: list_reads(each, ListReads(page_size=4)))
    token = first.next_page_token
    rest = views.read(lambda each: list_reads(each, ListReads(page_size=4, page_token=token)))
    assert len({read.read_id for read in (*first.reads, *rest.reads)}) == 6
    (glass,) = views.read(lambda each: list_break_glasses(each, ListBreakGlasses())).accesses
    assert glass.reads == 2


async def test_a_person_is_one_row_however_many_tokens_fit(views: ViewStore) -> None:
    rows = [
        TokenRow(kind, token, village, f"h-{number}", f"p-{number}", 1950 + number, True)
        for number, village in enumerate(VILLAGES)
        for kind, token in ((Kind.ANYONE, b""), (Kind.NAME, TOKEN), (Kind.PART, TOKEN))
    ]
    rows.append(TokenRow(Kind.PHONE, OTHER, VILLAGES[1], "h-1", "p-1", 1951, True))
    await views.change(lambda each: name_tokens.replace(each, ["h-0", "h-1"], rows))
    names = [(Kind.NAME, TOKEN), (Kind.PART, TOKEN)]
    for query, told, owner, people in (
        (FindPeople(region_id=REGION), [names], "", ["p-0", "p-1"]),
        (FindPeople(region_id=REGION), [names, [(Kind.PHONE, OTHER)]], "", ["p-1"]),
        (FindPeople(region_id=REGION, born_from=1951), [names], "", ["p-1"]),
        (FindPeople(region_id=REGION, born_to=1950), [names], "", ["p-0"]),
        (FindPeople(region_id=VILLAGES[0]), [], "", ["p-0"]),
        (FindPeople(), [], "h-1/p-1", ["p-1"]),
    ):
        wanted, key = matching(query, told, owner)
        found = views.read(lambda each, w=wanted, k=key: page(each, w, k, 1, ""))  # type: ignore[misc]
        assert found.total == len(people)
        assert found.rows[0].person_id == people[0]
    await views.change(lambda each: name_tokens.forget_person(each, "h-1", "p-1"))
    wanted, key = matching(FindPeople(region_id=REGION), [names], "")
    assert views.read(lambda each: page(each, wanted, key, 10, "")).total == 1


async def test_lanes_move_once_for_whoever_is_first(views: ViewStore) -> None:
    await views.change(lambda each: name_tokens.move(each, {}, {3: 7}))
    await views.change(lambda each: name_tokens.move(each, {3: 7}, {3: 9, 4: 1}))
    with pytest.raises(name_tokens.ReadElsewhere):
        await views.change(lambda each: name_tokens.move(each, {3: 7}, {3: 8}))
    assert views.read(name_tokens.read_so_far) == {3: 9, 4: 1}
