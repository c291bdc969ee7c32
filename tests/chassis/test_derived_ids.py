"""Derived ids are UUIDv5 as the standard library makes them, whatever they derive from."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from chassis.decider import NAMESPACE, derived_id


@given(st.lists(st.one_of(st.text(), st.integers())))
def test_a_derived_id_is_a_uuid_of_its_parts(parts: list[object]) -> None:
    expected = uuid.uuid5(NAMESPACE, "\x1f".join(map(str, parts)))
    assert str(expected) == derived_id(*parts)
