"""Search first, reads on record and break-glass access, over gRPC with real keys and views."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chassis.client import CallFailed, Client
from chassis.decider import PROGRAMME_ZONE
from chassis.reads import BREAK_GLASS
from services.registry.searching import require_narrow
from tests.registry.serving import registry
from tests.registry.stories import (
    HOUSEHOLD_ID,
    VILLAGE,
    child,
    identity_number,
    member,
    register_household,
)
from tests.services.running import Running
from tuopin.access.v1.access_pb2 import PersonalDataRead
from tuopin.registry.v1 import access_pb2 as access
from tuopin.registry.v1 import household_pb2 as pb
from tuopin.registry.v1.search_pb2 import FindPeople, PeoplePage
from tuopin.types.v1.types_pb2 import Receipt

COUNTY = "433124"
OTHER_VILLAGE = "433124110227"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Running]:
    async with registry(tmp_path) as running_here:
        yield running_here


@pytest.fixture
def county(here: Running) -> Client:
    return here.client(f"county-office@{COUNTY}")


async def two_households(county: Client) -> Receipt:
    """Abu and Hemi in one village, another Abu in the next; the receipt of the last."""
    await county.call(register_household(command_id="register-1"))
    people = [member(identity_number=identity_number("19500505"), birth_year=1950, phone="")]
    other = register_household(
        command_id="register-2",
        household_number="S1-0000002",
        village_id=OTHER_VILLAGE,
        members=people,
    )
    receipt: Receipt = await county.call(other)
    return receipt


async def found(county: Client, **told: Any) -> PeoplePage:
    query = FindPeople(**{"region_id": COUNTY, **told})
    page: PeoplePage = await county.call(query)
    return page


async def names(county: Client, **told: Any) -> list[tuple[str, int]]:
    return [(each.name, each.birth_year) for each in (await found(county, **told)).people]


ABU, HEMI, OTHER_ABU = ("合成阿布", 1970), ("合成禾米", 2008), ("合成阿布", 1950)


async def test_people_are_found_by_whatever_is_known_of_them(here: Running, county: Client) -> None:
    receipt = await two_households(county)
    await found(county, name="合成阿布", at_least=receipt.position)
    await here.seen(receipt)
    assert await names(county, name="合成阿布") == [ABU, OTHER_ABU]
    assert await names(county, name="阿布", born_from=1960) == [ABU]
    assert await names(county, pinyin="hechengabu", born_to=1960) == [OTHER_ABU]
    assert await names(county, pinyin="HCHM") == [HEMI]
    assert await names(county, phone="00012345678") == [ABU]
    assert sorted(await names(county, region_id=VILLAGE)) == sorted([ABU, HEMI])
    assert await names(county, name="合成阿布", phone="00012345678") == [ABU]
    assert await names(county, name="合成禾米", phone="00012345678") == []
    assert await names(county, identity_number=identity_number()) == [ABU]
    assert await names(county, identity_number=identity_number(), region_id=OTHER_VILLAGE) == []
    assert await names(county, identity_number=identity_number("19990101")) == []
    assert await names(county, name="无此人") == []


async def test_pages_follow_each_other_and_count_all(here: Running, county: Client) -> None:
    receipt = await two_households(county)
    await here.seen(receipt)
    first = await found(county, name="合成阿布", page_size=1, at_least=receipt.position)
    second = await found(county, name="合成阿布", page_size=1, page_token=first.next_page_token)
    assert (first.total, second.total, second.next_page_token) == (2, 2, "")
    assert [page.people[0].village_id for page in (first, second)] == [VILLAGE, OTHER_VILLAGE]
    assert first.behind_events == 0
    assert first.people[0].village_name == "合成村"


async def test_a_search_stays_in_the_callers_region(here: Running, county: Client) -> None:
    await two_households(county)
    township = here.client("township-office@433124111")
    with pytest.raises(CallFailed) as refused:
        await found(township, name="合成阿布")
    assert refused.value.problem.slug == "region-missing"


@pytest.mark.parametrize(
    ("told", "narrow"),
    [
        ({"region_id": COUNTY}, False),
        ({"region_id": COUNTY, "born_from": 1950}, False),
        ({"region_id": COUNTY, "name": " "}, False),
        ({"region_id": VILLAGE}, True),
        ({"pinyin": "zw"}, True),
    ],
)
def test_everybody_of_a_county_is_no_search(told: dict[str, Any], narrow: bool) -> None:
    query = FindPeople(**told)
    if narrow:
        require_narrow(query)
    else:
        with pytest.raises(Exception, match="search-too-wide"):
            require_narrow(query)


async def test_without_a_purpose_a_search_shows_masks_and_is_no_read(
    here: Running, county: Client
) -> None:
    receipt = await two_households(county)
    await here.seen(receipt)
    nosy = here.client(f"county-office@{COUNTY}", purpose="")
    page = await found(nosy, name="合成阿布", at_least=receipt.position)
    assert {each.name for each in page.people} == {"合**"}
    assert {each.identity_number[:2] for each in page.people} == {"**"}
    assert await here.events(PersonalDataRead) == []


async def test_who_read_my_data_is_told_by_person_reader_and_day(
    here: Running, county: Client
) -> None:
    receipt = await two_households(county)
    await here.seen(receipt)
    wang = here.client(f"township-office@{VILLAGE[:9]}", purpose="verification", by="wang")
    shown = await wang.call(pb.GetHousehold(household_id=HOUSEHOLD_ID))
    await county.call(pb.GetHousehold(household_id=HOUSEHOLD_ID))
    await found(county, region_id=OTHER_VILLAGE, at_least=receipt.position)
    head = shown.members[0].person_id
    supervisor = here.client(f"county-office@{COUNTY}")
    mine = await supervisor.call(access.ListReads(region_id=COUNTY, subject_id=head))
    assert [(read.reader, read.purpose) for read in mine.reads] == [
        ("wang", "verification"),
        ("li-office", "case-work"),
    ]
    assert mine.reads[0].method == "GetHousehold"
    assert mine.reads[0].subjects == 3
    assert list(mine.reads[0].fields) == ["address", "identity_number", "name", "phone"]
    his = await supervisor.call(access.ListReads(region_id=COUNTY, reader="wang"))
    assert [read.read_id for read in his.reads] == [mine.reads[0].read_id]
    today = datetime.now(UTC).astimezone(PROGRAMME_ZONE).date().isoformat()
    days = [({"from_day": today, "to_day": today}, 3), ({"to_day": "2020-01-01"}, 0)]
    for told, count in days:
        assert (await supervisor.call(access.ListReads(region_id=COUNTY, **told))).total == count
    assert (await supervisor.call(access.ListReads(region_id=OTHER_VILLAGE))).total == 1


async def test_no_read_on_record_holds_a_personal_value(here: Running, county: Client) -> None:
    await here.seen(await two_households(county))
    await county.call(pb.GetHousehold(household_id=HOUSEHOLD_ID))
    (read,) = await here.events(PersonalDataRead)
    text = str(read)
    for secret in (member().name, child().name, member().phone, identity_number()):
        assert secret not in text


def open_glass(**changes: Any) -> access.OpenBreakGlass:
    fields: dict[str, Any] = {
        "command_id": "glass-1",
        "reason": "disaster",
        "note": "洪水困人",
        "household_id": HOUSEHOLD_ID,
        "hours": 2,
    }
    return access.OpenBreakGlass(**{**fields, **changes})


async def test_break_glass_opens_a_household_until_its_deadline_and_is_reviewed(
    here: Running, county: Client
) -> None:
    await here.seen(await two_households(county))
    stranger = here.client("county-office@110101", purpose="", by="zhao")
    file = pb.GetHousehold(household_id=HOUSEHOLD_ID)
    with pytest.raises(CallFailed, match="region-missing"):
        await stranger.call(file)
    receipt = await stranger.call(open_glass())
    glass = receipt.stream.partition("-")[2]
    shown = await stranger.call(file, {BREAK_GLASS: glass})
    assert shown.members[0].name == member().name
    listed = access.ListBreakGlasses(region_id=COUNTY, unreviewed=True)
    (seen,) = (await county.call(listed)).accesses
    assert (seen.reader, seen.reason, seen.note, seen.reads) == ("zhao", "disaster", "洪水困人", 1)
    assert (seen.region_id, seen.household_id, seen.open) == (VILLAGE, HOUSEHOLD_ID, True)
    beneath = await county.call(access.ListReads(region_id=COUNTY, break_glass_id=glass))
    assert [(read.reader, read.purpose) for read in beneath.reads] == [("zhao", "break-glass")]

    await here.pass_days(1)
    with pytest.raises(CallFailed, match="break-glass-not-open"):
        await stranger.call(file, {BREAK_GLASS: glass})
    expire = access.ExpireBreakGlass(command_id="expire-1", break_glass_id=glass)
    await here.client("service@").call(expire)
    assert [each.break_glass_id for each in await here.events(access.BreakGlassExpired)] == [glass]
    justified = access.ReviewBreakGlass(
        command_id="review-1",
        break_glass_id=glass,
        finding=access.BREAK_GLASS_FINDING_JUSTIFIED,
        note="确有洪灾",
    )
    await county.call(justified)
    assert (await county.call(listed)).total == 0
    (seen,) = (await county.call(access.ListBreakGlasses(region_id=COUNTY))).accesses
    assert (seen.open, seen.reviewed_by) == (False, "li-office")


async def test_only_the_supervisor_of_the_place_reviews_break_glass(
    here: Running, county: Client
) -> None:
    await here.seen(await two_households(county))
    stranger = here.client("county-office@110101", by="zhao")
    receipt = await stranger.call(open_glass())
    command = access.ReviewBreakGlass(
        command_id="review-1",
        break_glass_id=receipt.stream.partition("-")[2],
        finding=access.BREAK_GLASS_FINDING_JUSTIFIED,
    )
    with pytest.raises(CallFailed, match="region-missing"):
        await here.client("county-office@110101", by="qian").call(command)
    with pytest.raises(CallFailed, match="break-glass-own-review"):
        await here.client(f"county-office@{COUNTY}", by="zhao").call(command)


async def test_a_masked_name_is_not_written_back(county: Client) -> None:
    with pytest.raises(CallFailed) as refused:
        await county.call(register_household(command_id="r", members=[member(name="合**")]))
    assert refused.value.problem.field.endswith("name")
