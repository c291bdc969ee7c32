"""The header of a file and the code lists its cells are read with: labels in either language or
codes, as programme/codes.toml has them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.descriptor import EnumDescriptor

from tuopin.registry.v1 import household_pb2 as pb

IMPORT_COLUMN = "import-column"
# Columns that may be missing altogether.
OPTIONAL = frozenset(
    {
        "other_cause_1", "other_cause_2", "address", "housing_safety", "housing_area_m2",
        "safe_drinking_water", "power", "road", "toilet", "fuel", "farmland_mu", "wages_yuan",
        "business_yuan", "property_yuan", "transfers_yuan", "production_cost_yuan", "phone",
        "bank_card", "ethnicity", "education", "at_school", "medical_insurance",
        "pension_insurance",
    }
)  # fmt: skip
# Columns that say the same in every row of a household.
SHARED = (
    "village_id", "attribute", "main_cause", "other_cause_1", "other_cause_2", "address",
    "housing_safety", "housing_area_m2", "safe_drinking_water", "power", "road", "toilet", "fuel",
    "farmland_mu", "income_year", "wages_yuan", "business_yuan", "property_yuan",
    "transfers_yuan", "production_cost_yuan",
)  # fmt: skip

_ENUMS = {
    "attribute": "Attribute",
    "relation": "Relation",
    "sex": "Sex",
    "health": "Health",
    "labour": "Labour",
    "education": "Education",
    "cause": "Cause",
    "housing-safety": "HousingSafety",
}
_YES = ("yes", "y", "true", "1", "有")
_NO = ("no", "n", "false", "0", "无", "没有")


@dataclass(frozen=True, slots=True)
class HeaderFault:
    """What is wrong with the header; `column` is the text in the file or the missing column."""

    slug: str
    column: str


class CodeLists:
    """From what a cell says to the enum's number, per list."""

    def __init__(self, codes: Mapping[str, Mapping[str, Mapping[str, str]]]) -> None:
        self.columns = codes[IMPORT_COLUMN]
        self.lists: dict[str, dict[str, int]] = {
            name: _numbers(codes[name], pb.DESCRIPTOR.enum_types_by_name[enum])
            for name, enum in _ENUMS.items()
        }
        yes_no = codes["yes-no"]
        self.yes_no: dict[str, bool] = {
            **dict.fromkeys((*_YES, *_said(yes_no["yes"])), True),
            **dict.fromkeys((*_NO, *_said(yes_no["no"])), False),
        }

    def label(self, column: str, language: str) -> str:
        """The header of a column in a language."""
        return self.columns[column].get(language, column)

    def places(self, header: Sequence[str]) -> tuple[dict[str, int], list[HeaderFault]]:
        """Where each known column stands, and what is wrong with the header."""
        known = {
            said: column
            for column, labels in self.columns.items()
            for said in (column, *_said(labels))
        }
        places: dict[str, int] = {}
        faults: list[HeaderFault] = []
        for place, text in enumerate(header):
            column = known.get(text.strip().lower())
            if column is None:
                faults.append(HeaderFault("column-not-known", text.strip()))
            elif column in places:
                faults.append(HeaderFault("column-twice", column))
            else:
                places[column] = place
        missing = [
            column for column in self.columns if column not in places and column not in OPTIONAL
        ]
        faults += [HeaderFault("column-missing", column) for column in missing]
        return places, faults


def _said(labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(label.lower() for label in labels.values())


def _numbers(codes: Mapping[str, Mapping[str, str]], enum: EnumDescriptor) -> dict[str, int]:
    prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
    return {
        said: enum.values_by_name[prefix + code.upper().replace("-", "_")].number
        for code, labels in codes.items()
        for said in (code, *_said(labels))
    }
