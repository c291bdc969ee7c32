"""What a file says of a household beside what the register says."""

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, select

from services.registry.views.folding import Version, fold
from services.registry.views.versions import HOUSEHOLD_VERSIONS
from tuopin.registry.v1.household_pb2 import Household, RegisterHousehold

# Field -> its column, where the register has what a row can say.
_OF_LIVING = {
    "housing_safety": "housing_safety",
    "housing_area_m2": "housing_area_m2",
    "safe_drinking_water": "safe_drinking_water",
    "power": "power",
    "road": "road",
    "toilet": "toilet",
    "fuel": "fuel",
    "farmland_mu_e2": "farmland_mu",
}
_OF_INCOME = {
    "year": "income_year",
    "wages_fen": "wages_yuan",
    "business_fen": "business_yuan",
    "property_fen": "property_yuan",
    "transfers_fen": "transfers_yuan",
    "production_cost_fen": "production_cost_yuan",
}
_OF_MEMBER = (
    "identity_number", "name", "phone", "bank_card", "relation", "birth_year", "sex", "ethnicity",
    "education", "at_school", "health", "labour", "medical_insurance", "pension_insurance",
)  # fmt: skip
_OTHER_CAUSES = {"other_cause_1", "other_cause_2"}


def files_of(connection: Connection, household_ids: Sequence[str]) -> dict[str, Household]:
    """The files of those households that are in the register, as they are now, still sealed."""
    versions = HOUSEHOLD_VERSIONS.c
    found = connection.execute(
        select(
            versions.household_id,
            versions.version,
            versions.effective_on,
            versions.type,
            versions.event,
        )
        .where(versions.household_id.in_(household_ids))
        .order_by(versions.household_id, versions.version)
    )
    files = {
        household_id: fold(Version(*row[1:]) for row in rows)
        for household_id, rows in groupby(found, key=itemgetter(0))
    }
    return {household_id: file for household_id, file in files.items() if file is not None}


def complete(command: RegisterHousehold, file: Household, columns: Collection[str]) -> None:
    """What the import has no column for stays as the register has it."""
    if "address" not in columns:
        command.address = file.address
    if not _OTHER_CAUSES & set(columns):
        command.other_causes[:] = file.other_causes
    _copy(command.living_conditions, file.living_conditions, _OF_LIVING, columns)
    if command.income.year == file.income.year:
        _copy(command.income, file.income, _OF_INCOME, columns)
    known = {member.identity_number: member for member in file.members}
    for member in command.members:
        before = known.get(member.identity_number)
        if before is not None:
            member.person_id = before.person_id
            _copy(member, before, {name: name for name in _OF_MEMBER}, columns)


def _copy(to: Any, of: Any, fields: Mapping[str, str], columns: Collection[str]) -> None:
    for name, column in fields.items():
        if column not in columns:
            setattr(to, name, getattr(of, name))


def says_the_same(command: RegisterHousehold, file: Household) -> bool:
    """Whether a row of this file would change nothing; since when it counts is not asked."""
    return _said(command) == _said(file)


def has_erased(file: Household) -> bool:
    """Whether somebody in it cannot be read any more (the file opened)."""
    return any(not member.identity_number for member in file.members)


def _said(household: RegisterHousehold | Household) -> tuple[object, ...]:
    living, income = household.living_conditions, household.income
    return (
        household.village_id,
        household.attribute,
        household.main_cause,
        tuple(household.other_causes),
        household.address,
        tuple(getattr(living, name) for name in _OF_LIVING),
        tuple(getattr(income, name) for name in _OF_INCOME),
        sorted(tuple(getattr(member, name) for name in _OF_MEMBER) for member in household.members),
    )
