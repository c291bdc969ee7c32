"""What a file says of a household beside what the register says."""

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection, select

from services.registry.views.figures import Moment
from services.registry.views.folding import Version, fold
from services.registry.views.versions import HOUSEHOLD_VERSIONS
from tuopin.registry.v1.household_pb2 import Household, Income, RegisterHousehold

# Fields of a message that rows can tell, with the column each needs. All others the register keeps.
_LIVING = {
    "housing_safety": "housing_safety",
    "housing_area_m2": "housing_area_m2",
    "safe_drinking_water": "safe_drinking_water",
    "power": "power",
    "road": "road",
    "toilet": "toilet",
    "fuel": "fuel",
    "farmland_mu_e2": "farmland_mu",
    "irrigated_mu_e2": "irrigated_mu",
    "forest_mu_e2": "forest_mu",
    "pasture_mu_e2": "pasture_mu",
    "main_fuel": "main_fuel",
}
_INCOME = {
    "year": "income_year",
    "wages_fen": "wages_yuan",
    "business_fen": "business_yuan",
    "property_fen": "property_yuan",
    "transfers_fen": "transfers_yuan",
    "production_cost_fen": "production_cost_yuan",
    "tied_subsidies_fen": "tied_subsidies_yuan",
    "one_off_relief_fen": "one_off_relief_yuan",
}
_MEMBER = {
    name: name
    for name in (
        "identity_number", "name", "phone", "bank_card", "relation", "birth_year", "sex",
        "ethnicity", "education", "at_school", "health", "labour", "medical_insurance",
        "pension_insurance", "employment", "work_place", "work_months",
    )
}  # fmt: skip
_HOUSEHOLD = {
    "village_id": "village_id",
    "attribute": "attribute",
    "main_cause": "main_cause",
    "other_causes": "other_cause_1",
    "address": "address",
    "needs": "needs",
}
# Told by the import itself, or compared part by part.
_NOT_OF_THE_FILE = frozenset(
    {
        "command_id", "source", "household_number", "effective_on", "synthetic", "import_id",
        "members", "living_conditions", "income",
    }
)  # fmt: skip


# Whatever is known of any day.
NOW = Moment("9999-12-31", 2**62)


def files_of(
    connection: Connection, household_ids: Sequence[str], at: Moment = NOW
) -> dict[str, Household]:
    """The files of those households that are in the register, still sealed."""
    versions = HOUSEHOLD_VERSIONS.c
    found = connection.execute(
        select(
            versions.household_id,
            versions.version,
            versions.effective_on,
            versions.type,
            versions.event,
        )
        .where(
            versions.household_id.in_(household_ids),
            versions.effective_on <= at.as_of,
            versions.recorded_at_us <= at.known_at_us,
        )
        .order_by(versions.household_id, versions.version)
    )
    files = {
        household_id: fold(Version(*row[1:]) for row in rows)
        for household_id, rows in groupby(found, key=itemgetter(0))
    }
    return {household_id: file for household_id, file in files.items() if file is not None}


def complete(command: RegisterHousehold, file: Household, columns: Collection[str]) -> None:
    """What the import has no column for stays as the register has it (both opened)."""
    for name in _COMMON - told(_HOUSEHOLD, columns):
        _take(command, file, name)
    _take_untold(command.living_conditions, file.living_conditions, told(_LIVING, columns))
    known_income = _income_of(file, command.income.year)
    if known_income is not None:
        _take_untold(command.income, known_income, told(_INCOME, columns))
    known = {member.identity_number: member for member in file.members}
    of_member = told(_MEMBER, columns) | {"birth_year"}
    for member in command.members:
        before = known.get(member.identity_number)
        if before is not None:
            _take_untold(member, before, of_member)


def told(fields: Mapping[str, str], columns: Collection[str]) -> set[str]:
    """The fields that stand in a column of the file."""
    return {name for name, column in fields.items() if column in columns}


def _take_untold(to: Message, of: Message, told: Collection[str]) -> None:
    for field in to.DESCRIPTOR.fields:
        if field.name not in told:
            _take(to, of, field.name)


def _take(to: Any, of: Any, name: str) -> None:
    value = getattr(of, name)
    if isinstance(value, Message):
        getattr(to, name).CopyFrom(value)
    elif hasattr(value, "extend"):
        getattr(to, name)[:] = value
    else:
        setattr(to, name, value)


def says_the_same(command: RegisterHousehold, file: Household) -> bool:
    """Whether the household's rows would change nothing; since when it counts is not asked."""
    return (
        all(getattr(command, name) == getattr(file, name) for name in _COMMON)
        and command.living_conditions == file.living_conditions
        and command.income == _income_of(file, command.income.year)
        and _people(command) == _people(file)
    )


def _income_of(file: Household, year: int) -> Income | None:
    """What was stated for the year; None before anything was."""
    stated = (each.income for each in file.income_statements if each.income.year == year)
    return next(stated, file.income if file.income.year == year else None)


def _people(household: RegisterHousehold | Household) -> list[bytes]:
    """The order of members says nothing."""
    return sorted(member.SerializeToString(deterministic=True) for member in household.members)


def leave_out_erased(file: Household) -> bool:
    """Take out whom nobody can read any more (the file opened); whether there was anybody."""
    erased = [n for n, member in enumerate(file.members) if not member.identity_number]
    for place in reversed(erased):
        del file.members[place]
    return bool(erased)


# Fields of the file that command and answer have in common.
_COMMON = frozenset(
    field.name
    for field in RegisterHousehold.DESCRIPTOR.fields
    if field.name in Household.DESCRIPTOR.fields_by_name and field.name not in _NOT_OF_THE_FILE
)
