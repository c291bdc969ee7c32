"""Whatever a file can say as a code has a label in both languages."""

import re
import tomllib
from pathlib import Path

import pytest
from google.protobuf.descriptor import EnumDescriptor

from tuopin.planning.v1.plan_pb2 import MeasureClass
from tuopin.registry.v1 import household_pb2 as pb

CODES = tomllib.loads(
    (Path(__file__).resolve().parents[2] / "programme" / "codes.toml").read_text(encoding="utf-8")
)
ENUMS = pb.DESCRIPTOR.enum_types_by_name


def list_of(enum: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"-\1", enum).lower()


def codes_of(enum: EnumDescriptor) -> list[str]:
    prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
    return [value.name.removeprefix(prefix).lower().replace("_", "-") for value in enum.values[1:]]


@pytest.mark.parametrize("enum", ENUMS)
def test_every_value_of_a_file_has_a_label_in_both_languages(enum: str) -> None:
    labels = CODES[list_of(enum)]
    assert sorted(labels) == sorted(codes_of(ENUMS[enum]))
    for code, said in labels.items():
        assert set(said) == {"zh", "en"}, code
        assert all(said.values()), code


def test_labels_of_a_list_differ() -> None:
    for enum in ENUMS:
        for language in ("zh", "en"):
            labels = [said[language] for said in CODES[list_of(enum)].values()]
            assert len({*labels}) == len(labels), (enum, language)


def test_needs_are_told_in_the_classes_of_measures() -> None:
    measures = codes_of(MeasureClass.DESCRIPTOR)
    assert codes_of(pb.Need.DESCRIPTOR) == measures
    assert CODES["need"] == CODES["measure-class"]
