"""A household as the rows that an import reads, with labels in one language."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from chassis.enumcodes import code_by_number
from services.registry.importing.columns import CodeLists
from services.registry.importing.template import LIST_OF_COLUMN
from tuopin.registry.v1.household_pb2 import Household

# Columns that only people read, behind those that an import reads.
FOR_PEOPLE = ("household_id", "status", "exited_on")
_OF_INCOME = frozenset(
    {
        "wages_yuan", "business_yuan", "property_yuan", "transfers_yuan", "production_cost_yuan",
        "tied_subsidies_yuan", "one_off_relief_yuan",
    }
)  # fmt: skip
_OF_LAND = frozenset({"farmland_mu", "irrigated_mu", "forest_mu", "pasture_mu"})


class ExportRows:
    """Turns households into rows."""

    def __init__(
        self,
        codes: CodeLists,
        lists: Mapping[str, Mapping[str, Mapping[str, str]]],
        language: str,
    ) -> None:
        self._codes = codes
        self._lists = lists
        self._language = language
        self.columns: Sequence[str] = (*codes.columns, *FOR_PEOPLE)

    def header(self) -> list[str]:
        """Labels of the columns."""
        return [self._codes.label(column, self._language) for column in self.columns]

    def of(self, household: Household) -> Iterator[list[str]]:
        """One row per member who can still be read."""
        shared = [self._shared(household, column) for column in self.columns]
        for member in household.members:
            if member.identity_number:
                yield [
                    self._word(column, member, column) if said is None else said
                    for column, said in zip(self.columns, shared, strict=True)
                ]

    def _shared(self, household: Household, column: str) -> str | None:
        """What the column says of the household; None when it speaks of members."""
        living, income = household.living_conditions, household.income
        if column in _OF_INCOME:
            return _decimal(getattr(income, column.replace("_yuan", "_fen")))
        if column in _OF_LAND:
            return _decimal(getattr(living, f"{column}_e2"))
        match column:
            case "income_year":
                return str(income.year) if income.year else ""
            case "needs":
                return "、".join(self._code("need", _NEEDS, each) for each in household.needs)
            case "main_cause":
                return self._word(column, household, "main_cause")
            case "other_cause_1" | "other_cause_2":
                place = int(column[-1]) - 1
                causes = household.other_causes
                return self._code("cause", _CAUSE, causes[place]) if place < len(causes) else ""
            case "registered_on":
                return household.registered_on
            case "status":
                return self._word("household-status", household, "status")
        if column in living.DESCRIPTOR.fields_by_name:
            return self._word(column, living, column)
        if column in household.DESCRIPTOR.fields_by_name:
            return self._word(column, household, column)
        return None

    def _word(self, column: str, message: Any, name: str) -> str:
        value = getattr(message, name)
        field = message.DESCRIPTOR.fields_by_name[name]
        if field.enum_type is not None:
            return self._code(LIST_OF_COLUMN.get(column, column), field, value)
        if isinstance(value, bool):
            return self._label("yes-no", "yes" if value else "no")
        return str(value)

    def _code(self, name: str, field: FieldDescriptor, value: int) -> str:
        if not value:
            return ""
        return self._label(name, code_by_number(field.enum_type)[value])

    def _label(self, name: str, code: str) -> str:
        return self._lists.get(name, {}).get(code, {}).get(self._language, code)


_NEEDS = Household.DESCRIPTOR.fields_by_name["needs"]
_CAUSE = Household.DESCRIPTOR.fields_by_name["main_cause"]


def _decimal(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02}"
