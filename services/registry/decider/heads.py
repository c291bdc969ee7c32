"""The head of a household, and in what relation everybody else stands to them."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from chassis.rejection import require
from services.registry.decider.part import require_member
from services.registry.decider.state import State
from tuopin.registry.v1.file_pb2 import HeadChanged, RelationToHead
from tuopin.registry.v1.household_pb2 import (
    RELATION_CHILD,
    RELATION_GRANDCHILD,
    RELATION_GRANDPARENT,
    RELATION_HEAD,
    RELATION_OTHER,
    RELATION_PARENT,
    RELATION_SIBLING,
    RELATION_SPOUSE,
    Relation,
)

Relations = Mapping[str, Relation.ValueType]

# What the old head is to a new one who was this to the old one.
_SEEN_FROM_THERE: Mapping[int, Relation.ValueType] = {
    RELATION_SPOUSE: RELATION_SPOUSE,
    RELATION_SIBLING: RELATION_SIBLING,
    RELATION_CHILD: RELATION_PARENT,
    RELATION_PARENT: RELATION_CHILD,
    RELATION_GRANDCHILD: RELATION_GRANDPARENT,
    RELATION_GRANDPARENT: RELATION_GRANDCHILD,
}


def head_of(state: State) -> str:
    """The person_id of the head."""
    return next(each.person_id for each in state.file.members if each.relation == RELATION_HEAD)


def told_relations(relations: Sequence[RelationToHead], field: str = "relations") -> Relations:
    """By person; nobody is named twice."""
    told = {each.person_id: each.relation for each in relations}
    require(len(told) == len(relations), "person-named-twice", field=field)
    return told


def head_changed(
    state: State, person_id: str, relations: Sequence[RelationToHead], on: str
) -> Iterator[HeadChanged]:
    """The event that makes somebody the head; nothing when everybody stands so already."""
    told = told_relations(relations)
    for each, relation in told.items():
        require_member(state, each, field="relations")
        is_head = relation == RELATION_HEAD
        require(is_head == (each == person_id), "household-with-two-heads", field="relations")
    before = {each.person_id: each.relation for each in state.file.members}
    after = {**before, head_of(state): _SEEN_FROM_THERE.get(before[person_id], RELATION_OTHER)}
    after |= {**told, person_id: RELATION_HEAD}
    changed = [each for each in before if after[each] != before[each]]
    if changed:
        yield HeadChanged(
            household_id=state.household_id,
            village_id=state.village_id,
            person_id=person_id,
            relations=[RelationToHead(person_id=each, relation=after[each]) for each in changed],
            effective_on=on,
        )


def next_head(
    state: State,
    leaving: Collection[str],
    new_head_id: str,
    relations: Sequence[RelationToHead],
    on: str,
) -> Iterator[HeadChanged]:
    """When the head goes, somebody who stays is named, before they are gone."""
    if head_of(state) not in leaving:
        require(not new_head_id and not relations, "head-stays", field="new_head_id")
        return
    require(new_head_id, "new-head-missing", field="new_head_id")
    require_member(state, new_head_id, field="new_head_id")
    require(new_head_id not in leaving, "new-head-leaves", field="new_head_id")
    yield from head_changed(state, new_head_id, relations, on)
