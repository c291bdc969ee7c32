"""A commit group: who of it may pass, and the rows it becomes. Pure; both engines write what it
gives.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chassis.chain import GENESIS, link
from chassis.lanes import lane_of
from chassis.store.model import (
    Append,
    ClaimRow,
    ClaimTaken,
    CommandReused,
    Outcome,
    ReleaseRow,
    VersionConflict,
)
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.types.v1.types_pb2 import Position, Receipt

# Envelope.position (7) and recorded_at_us (8) as protobuf tags; the rest is serialised before the
# lane's lock is taken.
_POSITION_TAG = b"\x38"
_RECORDED_TAG = b"\x40"

Lane = tuple[str, int]


@dataclass(slots=True)
class LaneHead:
    """Where a lane ends: only replaced after a commit."""

    position: int = 0
    hash: bytes = GENESIS
    recorded_at_us: int = 0


@dataclass(slots=True)
class Piece:
    """One event, serialised but for position and recording time."""

    lane: Lane
    id: str
    stream: str
    version: int
    before: bytes
    after: bytes


@dataclass(slots=True)
class Member:
    """One append of a group."""

    append: Append
    pieces: tuple[Piece, ...]


@dataclass(slots=True)
class EventRow:
    """A row of the table events."""

    lane: Lane
    position: int
    stream: str
    version: int
    hash: bytes
    record: bytes


@dataclass(slots=True)
class Batch:
    """All rows of one transaction."""

    events: list[EventRow] = field(default_factory=list)
    receipts: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    # In the order of the group: what one member releases, a later one may claim.
    claims: list[ClaimRow | ReleaseRow] = field(default_factory=list)
    heads: dict[Lane, LaneHead] = field(default_factory=dict)
    outcomes: list[Receipt] = field(default_factory=list)


@dataclass(slots=True)
class Known:
    """What the database said under the lanes' locks."""

    heads: dict[Lane, LaneHead]
    receipts: dict[str, tuple[bytes, bytes]]
    # Every stream of the group; 0 for an unborn one.
    versions: dict[str, int]
    claims: dict[tuple[str, bytes], str]


def member_of(append: Append) -> Member:
    """Serialise what needs no lock."""
    return Member(append, tuple(_pieces(append)))


def _pieces(append: Append) -> Iterable[Piece]:
    for write in append.writes:
        lane = (write.topic, lane_of(write.stream))
        version = write.expected_version
        for event in write.events:
            version += 1
            event_id = f"{write.stream}@{version}"
            before = Envelope(
                id=event_id,
                type=event.type,
                stream=write.stream,
                version=version,
                topic=write.topic,
                partition=lane[1],
            )
            after = Envelope(
                effective_on=event.effective_on,
                actor=append.actor,
                on_behalf_of=append.on_behalf_of,
                command_id=append.command_id,
                caused_by=append.caused_by,
                traceparent=append.traceparent,
                programme=append.programme,
                data=event.data,
            )
            yield Piece(
                lane,
                event_id,
                write.stream,
                version,
                before.SerializeToString(deterministic=True),
                after.SerializeToString(deterministic=True),
            )


def assemble(members: Iterable[Member], heads: Mapping[Lane, LaneHead], now_us: int) -> Batch:
    """Give positions and hashes; `heads` is not touched."""
    batch = Batch()
    moved = batch.heads
    for member in members:
        last: EventRow | None = None
        own = member.append.writes[0].stream
        for piece in member.pieces:
            head = moved.get(piece.lane)
            if head is None:
                old = heads[piece.lane]
                # The clock may have been set back; a lane's time never is.
                recorded_at_us = max(now_us, old.recorded_at_us)
                head = LaneHead(old.position, old.hash, recorded_at_us)
                moved[piece.lane] = head
            row = _place(piece, head)
            batch.events.append(row)
            # Of several streams the receipt speaks of the command's own.
            if row.stream == own:
                last = row
        receipt = _receipt(member, last)
        batch.outcomes.append(receipt)
        append = member.append
        batch.receipts.append((append.command_id, append.digest, receipt.SerializeToString()))
        batch.claims.extend(append.releases)
        batch.claims.extend(append.claims)
    return batch


def _place(piece: Piece, head: LaneHead) -> EventRow:
    head.position += 1
    record = b"".join(
        (
            piece.before,
            _POSITION_TAG,
            _varint(head.position),
            _RECORDED_TAG,
            _varint(head.recorded_at_us),
            piece.after,
        )
    )
    head.hash = link(head.hash, record)
    return EventRow(piece.lane, head.position, piece.stream, piece.version, head.hash, record)


def _receipt(member: Member, last: EventRow | None) -> Receipt:
    append = member.append
    first = append.writes[0]
    receipt = Receipt(
        command_id=append.command_id,
        stream=first.stream,
        version=first.expected_version + len(first.events),
        event_ids=[piece.id for piece in member.pieces],
        no_effect=last is None,
        refused=append.refused,
    )
    if last is not None:
        topic, partition = last.lane
        receipt.position.CopyFrom(
            Position(topic=topic, partition=partition, position=last.position)
        )
    return receipt


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append((number & 0x7F) | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def doubtful(members: Iterable[Member], versions: Mapping[str, int]) -> bool:
    """Whether a member expects a version that its stream cannot have.

    It was decided on the outcome of an append that then failed. The unique constraint on (stream,
    version) does not see a version that is too high, so the group must be checked before it is
    written.
    """
    seen: dict[str, int] = {}
    for member in members:
        for write in member.append.writes:
            stream = write.stream
            at = seen.get(stream)
            if at is None:
                at = versions.get(stream, write.expected_version)
            if at != write.expected_version:
                return True
            seen[stream] = at + len(write.events)
    return False


@dataclass(slots=True)
class Checked:
    """A group after the checks: survivors in order, everybody else's outcome by index."""

    survivors: list[Member] = field(default_factory=list)
    survivor_indexes: list[int] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    # The same command twice in one group: index -> index of the member that writes it.
    twins: dict[int, int] = field(default_factory=dict)

    def all_outcomes(self, written: Sequence[Receipt]) -> list[Outcome]:
        """One outcome per member of the group, in its order."""
        outcomes = dict(self.outcomes)
        outcomes.update(zip(self.survivor_indexes, written, strict=True))
        for index, twin in self.twins.items():
            outcomes[index] = outcomes[twin]
        return [outcomes[index] for index in range(len(outcomes))]


def check(members: Sequence[Member], known: Known) -> Checked:
    """Receipts, versions and claims first; a member that fails takes nobody with it.

    `known` moves on with each survivor.
    """
    checked = Checked()
    writing: dict[str, int] = {}
    for index, member in enumerate(members):
        append = member.append
        twin = writing.get(append.command_id)
        if twin is not None:
            if members[twin].append.digest == append.digest:
                checked.twins[index] = twin
            else:
                checked.outcomes[index] = CommandReused(append.command_id)
            continue
        outcome = _outcome_before_writing(append, known)
        if outcome is not None:
            checked.outcomes[index] = outcome
            continue
        writing[append.command_id] = index
        checked.survivor_indexes.append(index)
        checked.survivors.append(_with_new_claims_only(member, known))
        _move_on(append, known)
    return checked


def _outcome_before_writing(append: Append, known: Known) -> Outcome | None:
    first = known.receipts.get(append.command_id)
    if first is not None:
        if first[0] != append.digest:
            return CommandReused(append.command_id)
        return Receipt.FromString(first[1])
    for write in append.writes:
        actual = known.versions[write.stream]
        if actual != write.expected_version:
            return VersionConflict(write.stream, write.expected_version, actual)
    claims = _after_releases(append, known)
    for claim in append.claims:
        owner = claims.get((claim.kind, claim.key))
        if owner is not None and owner != claim.owner:
            return ClaimTaken(claim.kind, owner, claim.rejection)
        claims[claim.kind, claim.key] = claim.owner
    return None


def _after_releases(append: Append, known: Known) -> dict[tuple[str, bytes], str]:
    claims = dict(known.claims) if append.claims or append.releases else {}
    for release in append.releases:
        given_back = [
            (kind, key)
            for (kind, key), owner in claims.items()
            if kind == release.kind and owner == release.owner and release.key in {None, key}
        ]
        for claim in given_back:
            del claims[claim]
    return claims


def _with_new_claims_only(member: Member, known: Known) -> Member:
    """A claim its owner already holds stays as it is."""
    append = member.append
    if not append.claims:
        return member
    held = _after_releases(append, known)
    new: dict[tuple[str, bytes], ClaimRow] = {}
    for claim in append.claims:
        if (claim.kind, claim.key) not in held:
            new.setdefault((claim.kind, claim.key), claim)
    if len(new) == len(append.claims):
        return member
    return Member(append._replace(claims=tuple(new.values())), member.pieces)


def _move_on(append: Append, known: Known) -> None:
    for write in append.writes:
        known.versions[write.stream] = write.expected_version + len(write.events)
    if append.claims or append.releases:
        known.claims = _after_releases(append, known)
        for claim in append.claims:
            known.claims[claim.kind, claim.key] = claim.owner


def runs(
    changes: Sequence[ClaimRow | ReleaseRow],
) -> Iterator[list[ClaimRow] | ReleaseRow]:
    """Claims that follow each other go together; a release keeps its place between them."""
    claims: list[ClaimRow] = []
    for change in changes:
        if isinstance(change, ClaimRow):
            claims.append(change)
            continue
        if claims:
            yield claims
            claims = []
        yield change
    if claims:
        yield claims
