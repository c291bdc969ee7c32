"""Households, villages and counties follow an adopted edition, beside the server, whatever is
killed in between.

The log says which editions are not followed yet, the spans which households are still where they
were; every step has a command_id of its own, so that beginning again moves nobody twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog
from google.protobuf.message import Message

from chassis.clock import MICROSECONDS
from chassis.decider import Actor, derived_id
from chassis.envelope import event_of, parse
from services.registry.adoption import STREAM
from services.registry.passing import lanes_passed
from services.registry.registrations import VILLAGES_KEPT_S
from services.registry.views import subjects
from services.registry.views.following import Follower, followed_count, followers, leaving
from services.wiring import ServeParts
from tuopin.registry.v1.region_pb2 import RegionsAdopted, RegionsMapped
from tuopin.registry.v1.rezoning_pb2 import (
    CompleteFollowing,
    RegionsFollowed,
    RezoneHousehold,
    SucceedCounty,
    SucceedVillage,
)
from tuopin.types.v1.types_pb2 import RegionChange

BATCH_HOUSEHOLDS = 500
LOOK_EVERY_S = 1.0
# A command may have been let in by a process that had not heard of the edition yet.
SETTLED_AFTER_S = VILLAGES_KEPT_S + 5
AGAIN_AFTER_S = 1.0
_AGAIN = frozenset({"UNAVAILABLE", "ABORTED"})

log = structlog.get_logger(__name__)


class FollowingStopped(Exception):
    """A household cannot follow: somebody must look."""


@dataclass(slots=True)
class Adopted:
    """An edition that not everything has followed yet, and who adopted it."""

    name: str
    # Of the stream: an edition may come back into force.
    version: int
    actor: Actor
    recorded_at_us: int
    changes: list[RegionChange]
    told: bool = False


class Done(NamedTuple):
    """Subjects that came of others."""

    villages: int
    counties: int


@dataclass(slots=True)
class _Read:
    """How far the stream of the list was read."""

    version: int = 0
    mapped: list[RegionChange] = field(default_factory=list)
    open: dict[str, Adopted] = field(default_factory=dict)


class FollowingRunner:
    """Reads the stream of the region list and does what it leaves open."""

    def __init__(self, parts: ServeParts) -> None:
        self._parts = parts
        self._read = _Read()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.step()
            except Exception as error:
                # The store is away, the views are behind, or somebody must look: it stays open.
                log.error("following waits", error=type(error).__name__, reason=str(error))
                await self._parts.clock.sleep(AGAIN_AFTER_S)
            await self._parts.clock.sleep(LOOK_EVERY_S)

    async def step(self) -> None:
        """Look at what is new, follow what is open."""
        await self._look()
        for adopted in list(self._read.open.values()):
            await self._follow(adopted)

    async def _look(self) -> None:
        read = self._read
        for record in await self._parts.store.load(STREAM, read.version):
            envelope = parse(record.envelope)
            event = event_of(envelope)
            match event:
                case RegionsMapped():
                    read.mapped += event.changes
                case RegionsAdopted():
                    if event.change_count:
                        name, actor = event.edition.name, Actor(subject=envelope.actor)
                        at_us = envelope.recorded_at_us
                        version = envelope.version
                        read.open[name] = Adopted(name, version, actor, at_us, read.mapped)
                    read.mapped = []
                case RegionsFollowed():
                    read.open.pop(event.edition, None)
            read.version = envelope.version

    async def _follow(self, adopted: Adopted) -> None:
        settled_us = adopted.recorded_at_us + SETTLED_AFTER_S * MICROSECONDS
        is_settled = self._parts.clock.now_us() >= settled_us
        await self._households(adopted)
        done = await self._subjects(adopted)
        if is_settled:
            await self._complete(adopted, done)

    async def _households(self, adopted: Adopted) -> None:
        before: set[tuple[str, str]] = set()
        while True:
            await self._views_passed("household", ("households", "following"))
            found = await self._parts.views.query(
                lambda connection: followers(connection, adopted.changes, BATCH_HOUSEHOLDS)
            )
            if not found:
                return
            if not adopted.told:
                log.info("households follow", edition=adopted.name)
                adopted.told = True
            if await self._rezone(adopted, found):
                told = {(each.household_id, each.change.old_id) for each in found}
                if again := before & told:
                    raise FollowingStopped(f"{min(again)} followed and is where it was")
                before |= told

    async def _rezone(self, adopted: Adopted, found: Sequence[Follower]) -> bool:
        """Whether all of them have followed; else they are tried again."""
        commands = [
            RezoneHousehold(
                command_id=derived_id(
                    "rezone", adopted.version, each.household_id, each.change.old_id
                ),
                household_id=each.household_id,
                from_village_id=each.change.old_id,
                to_village_id=each.change.new_id,
                kind=each.change.kind,
                edition=adopted.name,
                effective_on=each.change.effective_on,
            )
            for each in found
        ]
        outcomes = await self._parts.handler.handle_many(commands, adopted.actor, checked=True)
        for command, outcome in zip(commands, outcomes, strict=True):
            refusal = outcome.refusal
            if not outcome.HasField("receipt") and refusal.code not in _AGAIN:
                raise FollowingStopped(f"{command.household_id}: {refusal.slug}")
        if all(outcome.HasField("receipt") for outcome in outcomes):
            return True
        await self._parts.clock.sleep(AGAIN_AFTER_S)
        return False

    async def _subjects(self, adopted: Adopted) -> Done:
        await self._views_passed("region", ("subjects",))
        changes = list(leaving(adopted.changes))
        gone = {each.old_id for each in changes} - {
            each.old_id for each in adopted.changes if each.old_id == each.new_id
        }
        known = await self._parts.views.query(
            lambda connection: subjects.known_of(connection, [each.old_id for each in changes])
        )
        villages = counties = 0
        for each in changes:
            if each.old_id not in known:
                continue
            receipt = await self._parts.handler.handle(
                _succession(adopted, each, closes=each.old_id in gone), adopted.actor
            )
            if not receipt.no_effect:
                villages += len(each.old_id) == subjects.VILLAGE_DIGITS
                counties += len(each.old_id) == subjects.COUNTY_DIGITS
        return Done(villages, counties)

    async def _complete(self, adopted: Adopted, done: Done) -> None:
        households = await self._parts.views.query(
            lambda connection: followed_count(connection, adopted.name)
        )
        command = CompleteFollowing(
            command_id=derived_id("followed", adopted.version),
            edition=adopted.name,
            households=households,
            villages=done.villages,
            counties=done.counties,
        )
        await self._parts.handler.handle(command, adopted.actor)
        del self._read.open[adopted.name]
        log.info("followed", edition=adopted.name, households=households)

    async def _views_passed(self, topic: str, views: Sequence[str]) -> None:
        now_us = self._parts.clock.now_us()
        await lanes_passed(self._parts, now_us, views, topic)


def _succession(adopted: Adopted, change: RegionChange, *, closes: bool) -> Message:
    command_id = derived_id("succeed", adopted.version, change.old_id, change.new_id)
    if len(change.old_id) == subjects.VILLAGE_DIGITS:
        return SucceedVillage(
            command_id=command_id,
            village_id=change.new_id,
            from_village_id=change.old_id,
            kind=change.kind,
            edition=adopted.name,
            closes=closes,
            effective_on=change.effective_on,
        )
    return SucceedCounty(
        command_id=command_id,
        county_id=change.new_id,
        from_county_id=change.old_id,
        kind=change.kind,
        edition=adopted.name,
        closes=closes,
        effective_on=change.effective_on,
    )


async def follow_editions(parts: ServeParts) -> None:
    """The task beside the server."""
    await FollowingRunner(parts).run()
