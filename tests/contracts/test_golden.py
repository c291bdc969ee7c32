"""What was once written stays readable: the golden bytes of every event."""

import json

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message

from tools.golden import GOLDEN, event_classes, filled

EVENTS = {kind.DESCRIPTOR.full_name: kind for kind in event_classes()}
FILES = sorted(GOLDEN.glob("*.binpb"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_old_bytes_still_mean_the_same(file) -> None:  # type: ignore[no-untyped-def]
    kind = EVENTS[file.stem.rsplit(".", 1)[0]]
    meant = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    read = kind.FromString(file.read_bytes())
    assert json_format.MessageToDict(read, preserving_proto_field_name=True) == meant
    assert read.SerializeToString(deterministic=True) == file.read_bytes()


@pytest.mark.parametrize("kind", EVENTS.values(), ids=EVENTS.keys())
def test_every_event_has_golden_bytes_with_all_its_fields(kind: type[Message]) -> None:
    newest = sorted(GOLDEN.glob(f"{kind.DESCRIPTOR.full_name}.*.binpb"))
    assert newest, "run python -m tools.golden"
    assert newest[-1].read_bytes() == filled(kind).SerializeToString(deterministic=True)
