"""What the bot itself must remember over a kill -9: its lease, what it began, what a chat shows.

No view: nothing here follows from events, and no rebuild touches it. It may stand in the view
database (cluster) or in a file of its own (embedded).
"""

import asyncio
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    create_engine,
    delete,
    event,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError

from chassis.clock import MICROSECONDS, Clock
from chassis.failpoints import failpoint
from chassis.viewdb import url_of
from services.notifier.chat.ledgertables import (
    COPIES,
    DIALOGUES,
    INTAKE,
    LEASES,
    METADATA,
    SENDINGS,
)

T = TypeVar("T")

BUSY_TIMEOUT_MS = 10_000
# Telegram forgets an update after a day.
INTAKE_KEPT_S = 3 * 86_400


class LeaseLost(Exception):
    """Another bot holds the token's lease by now."""


@dataclass(frozen=True, slots=True)
class Begun:
    """An update that came before."""

    understood: Mapping[str, Any]
    done: bool


class Ledger:
    """Short transactions in threads; each names what it does."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    @classmethod
    def open(cls, url: str, clock: Clock) -> "Ledger":
        """The ledger at a path or DSN, its tables made when they are missing."""
        engine = create_engine(url_of(url))
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _durable)
        METADATA.create_all(engine)
        return cls(engine, clock)

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.to_thread(self._engine.dispose)

    # --- one bot per token

    async def take_lease(self, bot_id: int, holder: str, ttl_s: float) -> int | None:
        """The fence, or None while another holds it. The same holder takes it again at once."""
        now_us = self._clock.now_us()
        until_us = now_us + round(ttl_s * MICROSECONDS)

        def take(connection: Connection) -> int | None:
            row = connection.execute(select(LEASES).where(LEASES.c.bot_id == bot_id)).first()
            if row is None:
                connection.execute(
                    insert(LEASES).values(
                        bot_id=bot_id, holder=holder, fence=1, expires_at_us=until_us
                    )
                )
                return 1
            if row.holder != holder and now_us < row.expires_at_us <= now_us + 2 * ttl_s * 1e6:
                return None
            taken = connection.execute(
                update(LEASES)
                .where(LEASES.c.bot_id == bot_id, LEASES.c.fence == row.fence)
                .values(holder=holder, fence=row.fence + 1, expires_at_us=until_us)
            )
            return int(row.fence) + 1 if taken.rowcount else None

        try:
            return await self._do(take)
        except IntegrityError:  # another was first with the very first row
            return None

    async def keep_lease(self, bot_id: int, fence: int, ttl_s: float) -> None:
        """Hold it longer; LeaseLost when another has it."""
        until_us = self._clock.now_us() + round(ttl_s * MICROSECONDS)

        def keep(connection: Connection) -> int:
            return connection.execute(
                update(LEASES)
                .where(LEASES.c.bot_id == bot_id, LEASES.c.fence == fence)
                .values(expires_at_us=until_us)
            ).rowcount

        if not await self._do(keep):
            raise LeaseLost

    async def give_lease(self, bot_id: int, fence: int) -> None:
        """Let the next one have it at once."""
        await self._do(
            lambda connection: (
                connection.execute(
                    update(LEASES)
                    .where(LEASES.c.bot_id == bot_id, LEASES.c.fence == fence)
                    .values(expires_at_us=0)
                ).rowcount
            )
        )

    # --- intake

    async def begun(self, bot_id: int, update_id: int) -> Begun | None:
        """What an update was understood as, when it came before."""

        def find(connection: Connection) -> Row[Any] | None:
            return connection.execute(select(INTAKE).where(*_this(bot_id, update_id))).first()

        row = await self._read(find)
        return None if row is None else Begun(json.loads(row.understood), bool(row.done))

    async def begin(self, bot_id: int, update_id: int, understood: Mapping[str, Any]) -> None:
        """Keep what an update was understood as, before anything follows from it."""
        await self._do(
            lambda connection: (
                connection.execute(
                    insert(INTAKE).values(
                        bot_id=bot_id,
                        update_id=update_id,
                        understood=json.dumps(understood),
                        done=0,
                        at_us=self._clock.now_us(),
                    )
                ).rowcount
            )
        )

    async def finish(self, bot_id: int, update_id: int) -> None:
        """Nothing more follows from the update."""
        await self._do(
            lambda connection: (
                connection.execute(
                    update(INTAKE).where(*_this(bot_id, update_id)).values(done=1)
                ).rowcount
            )
        )

    async def forget_old_updates(self) -> None:
        """The provider does not bring them again."""
        before_us = self._clock.now_us() - INTAKE_KEPT_S * MICROSECONDS
        await self._do(
            lambda connection: (
                connection.execute(delete(INTAKE).where(INTAKE.c.at_us < before_us)).rowcount
                + connection.execute(
                    delete(DIALOGUES).where(DIALOGUES.c.at_us < before_us)
                ).rowcount
            )
        )

    # --- sending

    async def start_sending(self, bot_id: int, fence: int, message_id: str, attempt: int) -> bool:
        """Each attempt is begun once, by the holder of the lease."""

        def start(connection: Connection) -> bool:
            held = connection.scalar(select(LEASES.c.fence).where(LEASES.c.bot_id == bot_id))
            if held != fence:
                raise LeaseLost
            connection.execute(
                insert(SENDINGS).values(
                    message_id=message_id, attempt=attempt, state="sending", fence=fence
                )
            )
            return True

        try:
            return await self._do(start)
        except IntegrityError:
            return False

    async def not_sent(self, message_id: str, attempt: int) -> None:
        """The provider refused to look at it: the attempt was none."""
        await self._do(
            lambda connection: (
                connection.execute(delete(SENDINGS).where(*_attempt(message_id, attempt))).rowcount
            )
        )

    async def answered(
        self, fence: int, message_id: str, attempt: int, result: bytes, copy: "Copy | None"
    ) -> bool:
        """The result, before it is recorded; False when another bot has declared it uncertain."""

        def answer(connection: Connection) -> bool:
            changed = connection.execute(
                update(SENDINGS)
                .where(
                    *_attempt(message_id, attempt),
                    SENDINGS.c.state == "sending",
                    SENDINGS.c.fence == fence,
                )
                .values(state="answered", result=result)
            )
            if copy is not None:
                _put_copy(connection, copy)
            return bool(changed.rowcount)

        return await self._do(answer)

    async def recorded(self, message_id: str, attempt: int) -> None:
        """The service has it. The row stays: a view that is rebuilt must not send again."""
        await self._do(
            lambda connection: (
                connection.execute(
                    update(SENDINGS)
                    .where(*_attempt(message_id, attempt))
                    .values(state="recorded", result=None)
                ).rowcount
            )
        )

    async def unrecorded(
        self, fence: int, only: Collection[tuple[str, int]] | None = None
    ) -> Sequence[Row[Any]]:
        """Attempts left behind, all or these: for `sending` nobody knows, `answered` has a result.

        From here on they are this bot's.
        """
        of = [SENDINGS.c.state != "recorded", SENDINGS.c.fence <= fence]
        if only is not None:
            of.append(tuple_(SENDINGS.c.message_id, SENDINGS.c.attempt).in_(sorted(only)))

        def find(connection: Connection) -> Sequence[Row[Any]]:
            rows = connection.execute(select(SENDINGS).where(*of)).all()
            connection.execute(update(SENDINGS).where(*of).values(fence=fence))
            return rows

        return await self._do(find)

    async def started(self, attempts: Collection[tuple[str, int]]) -> set[tuple[str, int]]:
        """Which of these attempts were begun; a view that lags would offer them again."""
        if not attempts:
            return set()

        def find(connection: Connection) -> set[tuple[str, int]]:
            rows = connection.execute(
                select(SENDINGS.c.message_id, SENDINGS.c.attempt).where(
                    tuple_(SENDINGS.c.message_id, SENDINGS.c.attempt).in_(sorted(attempts))
                )
            )
            return {(row.message_id, row.attempt) for row in rows}

        return await self._read(find)

    # --- what a chat shows

    async def put_copy(self, copy: "Copy") -> None:
        """A message stands in a chat, and shows this."""
        await self._do(lambda connection: _put_copy(connection, copy))

    async def copies(self, message_ids: Collection[str]) -> list["Copy"]:
        """Where these messages stand; a repeat after an uncertain sending may stand twice."""

        def find(connection: Connection) -> list[Copy]:
            rows = connection.execute(
                select(COPIES).where(COPIES.c.message_id.in_(sorted(message_ids)))
            )
            return [
                Copy(row.cadre_id, row.provider_message_id, row.message_id, row.digest)
                for row in rows
            ]

        return await self._read(find)

    # --- what is being talked about

    async def put_dialogue(self, key: str, about: Mapping[str, Any]) -> None:
        """The next word in this chat is about this."""
        values = {"about": json.dumps(about), "at_us": self._clock.now_us()}

        def put(connection: Connection) -> None:
            this = DIALOGUES.c.key == key
            if not connection.execute(update(DIALOGUES).where(this).values(**values)).rowcount:
                connection.execute(insert(DIALOGUES).values(key=key, **values))

        await self._do(put)

    async def dialogue(self, key: str) -> Mapping[str, Any]:
        """What the chat is talking about; empty when nothing is."""

        def find(connection: Connection) -> str | None:
            return connection.scalar(select(DIALOGUES.c.about).where(DIALOGUES.c.key == key))

        about = await self._read(find)
        found: Mapping[str, Any] = json.loads(about) if about else {}
        return found

    async def _do(self, work: Callable[[Connection], T]) -> T:
        def run() -> T:
            with self._engine.begin() as connection:
                result = work(connection)
                failpoint("bot.before-commit")
            failpoint("bot.after-commit")
            return result

        return await asyncio.to_thread(run)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        def run() -> T:
            with self._engine.connect() as connection:
                return work(connection)

        return await asyncio.to_thread(run)


@dataclass(frozen=True, slots=True)
class Copy:
    """A message of ours in a chat. An empty digest: nobody knows what it shows."""

    cadre_id: str
    provider_message_id: int
    message_id: str
    digest: str


def _put_copy(connection: Connection, copy: Copy) -> None:
    this = (
        COPIES.c.cadre_id == copy.cadre_id,
        COPIES.c.provider_message_id == copy.provider_message_id,
    )
    values = {"message_id": copy.message_id, "digest": copy.digest}
    if not connection.execute(update(COPIES).where(*this).values(**values)).rowcount:
        connection.execute(
            insert(COPIES).values(
                cadre_id=copy.cadre_id, provider_message_id=copy.provider_message_id, **values
            )
        )


def _this(bot_id: int, update_id: int) -> tuple[Any, ...]:
    return (INTAKE.c.bot_id == bot_id, INTAKE.c.update_id == update_id)


def _attempt(message_id: str, attempt: int) -> tuple[Any, ...]:
    return (SENDINGS.c.message_id == message_id, SENDINGS.c.attempt == attempt)


def _durable(connection: Any, record: Any) -> None:
    """What was begun must be known after a power cut, too."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
