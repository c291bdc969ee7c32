"""The header of a file and the code lists its cells are read with: codes, labels in either language
(programme/codes.toml) and other words for them (programme/importing.toml).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import EnumDescriptor

from chassis.programme import Programme
from services.registry.importing.cells import plain
from tuopin.registry.v1 import household_pb2 as pb

IMPORT_COLUMN = "import-column"
FAULTS_COLUMN = "faults"
# Columns that may be missing altogether.
OPTIONAL = frozenset(
    {
        "other_cause_1", "other_cause_2", "address", "housing_safety", "housing_area_m2",
        "safe_drinking_water", "power", "road", "toilet", "fuel", "farmland_mu", "wages_yuan",
        "business_yuan", "property_yuan", "transfers_yuan", "production_cost_yuan", "phone",
        "bank_card", "birth_year", "ethnicity", "education", "at_school", "medical_insurance",
        "pension_insurance", "irrigated_mu", "forest_mu", "pasture_mu", "main_fuel", "needs",
        "tied_subsidies_yuan", "one_off_relief_yuan", "employment", "work_place", "work_months",
        "registered_on", "source",
    }
)  # fmt: skip
# Columns that say the same in every row of a household.
SHARED = (
    "village_id", "attribute", "main_cause", "other_cause_1", "other_cause_2", "address",
    "housing_safety", "housing_area_m2", "safe_drinking_water", "power", "road", "toilet", "fuel",
    "farmland_mu", "income_year", "wages_yuan", "business_yuan", "property_yuan",
    "transfers_yuan", "production_cost_yuan", "irrigated_mu", "forest_mu", "pasture_mu",
    "main_fuel", "needs", "tied_subsidies_yuan", "one_off_relief_yuan", "registered_on", "source",
)  # fmt: skip
# A row with so many known columns is a header and no title.
HEADER_LEAST = 3

_ENUMS = {
    "attribute": "Attribute",
    "relation": "Relation",
    "sex": "Sex",
    "health": "Health",
    "labour": "Labour",
    "education": "Education",
    "cause": "Cause",
    "housing-safety": "HousingSafety",
    "employment": "Employment",
    "work-place": "WorkPlace",
    "need": "Need",
    "fuel": "Fuel",
}
_YES_NO = "yes-no"
_IN_BRACKETS = re.compile(r"\([^()]*\)")
_MARKS = re.compile(r"[\s*:_-]+")


@dataclass(frozen=True, slots=True)
class HeaderFault:
    """What is wrong with the header; `column` is the text in the file or the missing column."""

    slug: str
    column: str


class CodeLists:
    """From what a cell says to the enum's number, per list."""

    def __init__(self, programme: Programme) -> None:
        codes, other = programme.table("codes"), programme.table("importing")
        # What the same cells were read with; another edition may read them otherwise.
        self.edition = programme.edition
        words: Mapping[str, Mapping[str, Sequence[str]]] = other["value"]
        self.columns: Mapping[str, Mapping[str, str]] = codes[IMPORT_COLUMN]
        self.read_only: Mapping[str, Mapping[str, str]] = other["read-only"]
        self.village_endings: Sequence[str] = other["village-name"]["endings"]
        self.lists: dict[str, dict[str, int]] = {
            name: _numbers(codes[name], words.get(name, {}), pb.DESCRIPTOR.enum_types_by_name[enum])
            for name, enum in _ENUMS.items()
        }
        self.yes_no: dict[str, bool] = {
            said: code == "yes" for code, said in _all_said(codes[_YES_NO], words.get(_YES_NO, {}))
        }
        self.headers: dict[str, str] = {
            said: column for column, said in _all_said(self.columns, other["column"])
        }
        self._unread = {said for _, said in _all_said(self.read_only, {})}
        # The header of a report's own column may go on with what is wrong with the header.
        self._reported = tuple(folded(text) for text in self.read_only[FAULTS_COLUMN].values())

    def label(self, column: str, language: str) -> str:
        """The header of a column in a language."""
        labels = self.columns.get(column) or self.read_only.get(column) or {}
        return labels.get(language, column)

    def is_header(self, cells: Sequence[str]) -> bool:
        """Whether a row names columns; a title above it does not."""
        return sum(self._column_of(text, {}) is not None for text in cells) >= HEADER_LEAST

    def places(
        self, header: Sequence[str], mapping: Mapping[str, str]
    ) -> tuple[dict[str, int], list[HeaderFault]]:
        """Where each known column stands, and what is wrong with the header.

        `mapping` names columns for headers that nobody knows; it goes before what is known.
        """
        wanted = {folded(text): column for text, column in mapping.items()}
        places: dict[str, int] = {}
        faults = [
            HeaderFault("column-mapped-to-nothing", column)
            for column in wanted.values()
            if column and column not in self.columns
        ]
        unused = dict(wanted)
        for place, text in enumerate(header):
            unused.pop(folded(text), None)
            column = self._column_of(text, wanted)
            if column is None:
                if folded(text):
                    faults.append(HeaderFault("column-not-known", text.strip()))
            elif column in places:
                faults.append(HeaderFault("column-twice", column))
            elif column in self.columns:
                places[column] = place
        faults += [HeaderFault("column-mapped-is-missing", text) for text in unused]
        missing = [
            column for column in self.columns if column not in places and column not in OPTIONAL
        ]
        faults += [HeaderFault("column-missing", column) for column in missing]
        return places, faults

    def _column_of(self, text: str, wanted: Mapping[str, str]) -> str | None:
        """The column, "" for one that no import reads, None for a header nobody knows."""
        said = folded(text)
        bare = _IN_BRACKETS.sub("", said)
        for each in (said, bare):
            if each in wanted:
                return wanted[each]
        for each in (said, bare):
            if each in self.headers:
                return self.headers[each]
            if each in self._unread:
                return ""
        return "" if said.startswith(self._reported) else None


def folded(text: str) -> str:
    """A header or a word without what may differ: width, case, spaces, marks."""
    return _MARKS.sub("", plain(text).lower())


def _all_said(
    labels: Mapping[str, Mapping[str, str]], words: Mapping[str, Sequence[str]]
) -> Iterable[tuple[str, str]]:
    """(code, what stands for it) in every form."""
    for code, names in labels.items():
        for text in (code, *names.values(), *words.get(code, ())):
            yield code, folded(text)
            yield code, _IN_BRACKETS.sub("", folded(text))


def _numbers(
    codes: Mapping[str, Any], words: Mapping[str, Sequence[str]], enum: EnumDescriptor
) -> dict[str, int]:
    prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
    return {
        said: enum.values_by_name[prefix + code.upper().replace("-", "_")].number
        for code, said in _all_said(codes, words)
    }
