"""The answer to: how do villages and counties stand in the programme?"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    func,
    select,
)

from chassis.paging import below, page
from chassis.views import Rows, View
from services.registry.decider.county import Candidates, CountyStanding
from services.registry.decider.standing import Standing
from services.registry.views.spans import NO_DAY, NO_MOMENT_US, SPANS
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1 import county_pb2 as county
from tuopin.registry.v1 import rezoning_pb2 as rezoning
from tuopin.registry.v1 import village_pb2 as village
from tuopin.registry.v1.household_pb2 import HOUSEHOLD_STATUS_EXITED

METADATA = MetaData()

VILLAGES = Table(
    "villages",
    METADATA,
    Column("village_id", String(12), primary_key=True),
    Column("status", Integer),
    Column("registered_people", Integer),
    # The last yearly file, VillageFile as stored.
    Column("file", LargeBinary),
    Column("plan_reference", String(100)),
    # What took its place when it was no more.
    Column("successor_id", String(12)),
    Column("incidence_e4", Integer),
    Column("closes_at_us", BigInteger),
    Column("exited_on", String(10)),
)

COUNTIES = Table(
    "counties",
    METADATA,
    Column("county_id", String(6), primary_key=True),
    Column("status", Integer),
    # CountyExitArithmetic of the last sample, and what it missed, joined by commas.
    Column("arithmetic", LargeBinary),
    Column("misses", String(200)),
    # CountySampleDrawn.
    Column("sample", LargeBinary),
    Column("findings", Integer, server_default="0", nullable=False),
    Column("successor_id", String(6)),
    Column("closes_at_us", BigInteger),
    Column("exited_on", String(10)),
)

EVENTS = (
    village.VillageStated,
    village.VillageDesignated,
    village.VillageExitProposed,
    village.VillageExitPosted,
    village.VillageObjectionSettled,
    village.VillageExited,
    county.CountyDesignated,
    county.CountyExitApplied,
    county.CountyExitChecked,
    county.CountySampleDrawn,
    county.SampleFindingRecorded,
    county.CountyExitVerified,
    county.CountyExitBlocked,
    county.CountyExitPosted,
    county.CountyExited,
    rezoning.VillageSucceeded,
    rezoning.VillageClosed,
    rezoning.CountySucceeded,
    rezoning.CountyClosed,
)
VILLAGE_DIGITS, COUNTY_DIGITS = 12, 6
_KEYS_COUNT = 500


def project(rows: Rows, envelope: Envelope, event: Any) -> None:
    """One row per village and per county."""
    if hasattr(event, "county_id"):
        columns = _of_county(event)
        if columns is None:
            rows.add(COUNTIES, (event.county_id,), findings=1)
        else:
            rows.put(COUNTIES, (event.county_id,), **columns)
    else:
        rows.put(VILLAGES, (event.village_id,), **_of_village(event))


def _of_village(event: Any) -> dict[str, Any]:
    match event:
        case village.VillageStated():
            file = event.file
            stated = file.SerializeToString(deterministic=True)
            return {"file": stated, "registered_people": file.registered_people}
        case village.VillageDesignated():
            return {
                "status": village.SUBJECT_STATUS_POOR,
                "plan_reference": event.plan_reference,
            }
        case rezoning.VillageSucceeded():
            return _inherited(event)
        case rezoning.VillageClosed():
            # Its people are counted by the file of what took its place.
            return {"successor_id": event.successor_id, "registered_people": 0}
        case village.VillageExitProposed():
            return {
                "status": village.SUBJECT_STATUS_EXIT_PROPOSED,
                "incidence_e4": event.incidence_e4,
            }
        case village.VillageExitPosted():
            return {
                "status": village.SUBJECT_STATUS_EXIT_POSTED,
                "closes_at_us": event.closes_at_us,
            }
        case village.VillageObjectionSettled():
            if event.upheld:
                return {"status": village.SUBJECT_STATUS_POOR, "closes_at_us": 0}
            return {"closes_at_us": event.closes_at_us}
        case _:
            return {"status": village.SUBJECT_STATUS_EXITED, "exited_on": event.effective_on}


def _inherited(event: rezoning.VillageSucceeded) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "status": event.status,
        "plan_reference": event.plan_reference,
        "exited_on": event.exited_on,
    }
    if event.HasField("file"):
        columns["file"] = event.file.SerializeToString(deterministic=True)
        columns["registered_people"] = event.file.registered_people
    return columns


def _of_county(event: Any) -> dict[str, Any] | None:
    """The columns to set; None for one finding more."""
    match event:
        case county.SampleFindingRecorded():
            return None
        case county.CountyDesignated():
            return {"status": village.SUBJECT_STATUS_POOR}
        case rezoning.CountySucceeded():
            return {"status": event.status, "exited_on": event.exited_on}
        case rezoning.CountyClosed():
            return {"successor_id": event.successor_id}
        case county.CountyExitApplied():
            return {
                "status": village.SUBJECT_STATUS_EXIT_PROPOSED,
                "arithmetic": b"",
                "misses": "",
                "sample": b"",
                "findings": 0,
            }
        case county.CountyExitChecked():
            passed = village.SUBJECT_STATUS_EXIT_CHECKED
            return {"status": passed if event.passed else village.SUBJECT_STATUS_POOR}
        case county.CountySampleDrawn():
            return {
                "status": village.SUBJECT_STATUS_EXIT_SAMPLED,
                "sample": event.SerializeToString(deterministic=True),
            }
        case county.CountyExitVerified() | county.CountyExitBlocked():
            blocked = isinstance(event, county.CountyExitBlocked)
            verified = village.SUBJECT_STATUS_EXIT_VERIFIED
            return {
                "status": village.SUBJECT_STATUS_POOR if blocked else verified,
                "arithmetic": event.arithmetic.SerializeToString(deterministic=True),
                "misses": ",".join(event.misses)
                if isinstance(event, county.CountyExitBlocked)
                else "",
            }
        case county.CountyExitPosted():
            return {
                "status": village.SUBJECT_STATUS_EXIT_POSTED,
                "closes_at_us": event.closes_at_us,
            }
        case _:
            return {"status": village.SUBJECT_STATUS_EXITED, "exited_on": event.effective_on}


VIEW = View(
    name="subjects",
    tables=(VILLAGES, COUNTIES),
    topics=("region",),
    project=project,
    events=EVENTS,
)


def _current(region_id: str) -> Any:
    """Spans that hold from now on, as known now."""
    return (
        below(SPANS.c.village_id, region_id)
        & (SPANS.c.valid_to == NO_DAY)
        & (SPANS.c.known_to_us == NO_MOMENT_US)
    )


def standing_of(connection: Connection, region_id: str) -> Standing:
    """People of the households of a region, by status."""
    found = connection.execute(
        select(SPANS.c.status, func.sum(SPANS.c.people_count))
        .where(_current(region_id))
        .group_by(SPANS.c.status)
    )
    return {status: int(people) for status, people in found}


def county_standing(connection: Connection, county_id: str) -> CountyStanding:
    """The register's word on a county, and the people of its villages' files."""
    filed = below(VILLAGES.c.village_id, county_id) & (VILLAGES.c.registered_people > 0)
    rural = connection.scalar(select(func.sum(VILLAGES.c.registered_people)).where(filed))
    with_households = select(SPANS.c.village_id).where(_current(county_id)).distinct()
    with_file = select(VILLAGES.c.village_id).where(filed)
    missing = connection.scalar(
        select(func.count()).select_from(with_households.except_(with_file).subquery())
    )
    return CountyStanding(standing_of(connection, county_id), int(rural or 0), int(missing or 0))


def candidates(connection: Connection, county_id: str) -> Candidates:
    """Villages with households in the records, and the exited households of each."""
    found: dict[str, list[str]] = {}
    rows = connection.execute(
        select(SPANS.c.village_id, SPANS.c.household_id, SPANS.c.status).where(_current(county_id))
    )
    for village_id, household_id, status in rows:
        exited = found.setdefault(village_id, [])
        if status == HOUSEHOLD_STATUS_EXITED:
            exited.append(household_id)
    return Candidates({each: tuple(sorted(exited)) for each, exited in found.items()})


def known_of(connection: Connection, codes: Sequence[str]) -> set[str]:
    """Those of the codes that are subjects."""
    found: set[str] = set()
    for column in (VILLAGES.c.village_id, COUNTIES.c.county_id):
        for start in range(0, len(codes), _KEYS_COUNT):
            some = column.in_(codes[start : start + _KEYS_COUNT])
            found.update(connection.scalars(select(column).where(some)))
    return found


def list_villages(connection: Connection, query: village.ListVillages) -> village.VillagePage:
    """Villages that have a file or a designation, by code."""
    wanted = select(VILLAGES).where(below(VILLAGES.c.village_id, query.region_id))
    if query.status:
        wanted = wanted.where(VILLAGES.c.status == query.status)
    key = (VILLAGES.c.village_id,)
    found = page(connection, wanted, key, query.page_size, query.page_token)
    return village.VillagePage(
        villages=map(_village, found.rows),
        next_page_token=found.next_page_token,
        total=found.total,
    )


def _village(row: Row[Any]) -> village.Village:
    return village.Village(
        village_id=row.village_id,
        status=row.status or village.SUBJECT_STATUS_NOT_DESIGNATED,
        file=village.VillageFile.FromString(row.file) if row.file else None,
        plan_reference=row.plan_reference,
        successor_id=row.successor_id,
        incidence_e4=row.incidence_e4,
        exited_on=row.exited_on,
        closes_at_us=row.closes_at_us,
    )


def county_of(connection: Connection, county_id: str) -> county.County | None:
    """A county that was designated."""
    row = connection.execute(select(COUNTIES).where(COUNTIES.c.county_id == county_id)).first()
    if row is None:
        return None
    sample = county.CountySampleDrawn.FromString(row.sample or b"")
    return county.County(
        county_id=county_id,
        status=row.status,
        arithmetic=county.CountyExitArithmetic.FromString(row.arithmetic)
        if row.arithmetic
        else None,
        misses=row.misses.split(",") if row.misses else (),
        sample_village_ids=sample.village_ids,
        sample_household_ids=sample.exited_household_ids,
        findings=row.findings,
        exited_on=row.exited_on,
        seed=sample.seed,
        successor_id=row.successor_id,
        closes_at_us=row.closes_at_us,
    )
