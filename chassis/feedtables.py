"""What a feed keeps beside the views' own rows, in the same database and the same transaction."""

from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

METADATA = MetaData()

Lane = tuple[str, int]

# SQLite counts only in a column that is exactly INTEGER.
_COUNTED = BigInteger().with_variant(Integer(), "sqlite")


class Checkpoint(NamedTuple):
    """How far a consumer is in a lane: the last position applied, and its Kafka offset if any."""

    position: int
    offset: int | None = None


CHECKPOINTS = Table(
    "checkpoints",
    METADATA,
    Column("consumer", String(120), primary_key=True),
    Column("topic", String(60), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    Column("kafka_offset", BigInteger),
)

# A consumer with a row here does not run. It names the event and the class of the error, never
# the error's text: that may quote personal data.
STOPPED = Table(
    "stopped",
    METADATA,
    Column("consumer", String(120), primary_key=True),
    Column("topic", String(60), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("event_id", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("stopped_at_us", BigInteger, nullable=False),
)

# Commands that reactions decided, until their owner has answered.
OUTBOX = Table(
    "outbox",
    METADATA,
    Column("seq", _COUNTED, primary_key=True, autoincrement=True),
    Column("command_id", String(60), nullable=False, unique=True),
    Column("reaction", String(120), nullable=False),
    Column("target", String(200), nullable=False),
    Column("event_id", String(200), nullable=False),
    Column("on_behalf_of", String(200), nullable=False),
    Column("traceparent", String(60), nullable=False),
    Column("command_type", String(200), nullable=False),
    Column("command", LargeBinary, nullable=False),
    Column("created_at_us", BigInteger, nullable=False),
    # Empty while it waits for an answer; else the status code or class of the error that ended it.
    Column("stopped", String(200), nullable=False, server_default=""),
    Index(
        "outbox_stopped",
        "stopped",
        "target",
        sqlite_where=text("stopped <> ''"),
        postgresql_where=text("stopped <> ''"),
    ),
    # Ids of rows are never given twice: order in the outbox is order of decision.
    sqlite_autoincrement=True,
)

# Events whose reaction needs a fact that has not arrived, and later events of the same stream.
PARKED = Table(
    "parked",
    METADATA,
    Column("reaction", String(120), primary_key=True),
    Column("stream", String(200), primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", String(200), nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    # 1: first of its stream, tried again; 0: behind another; 2: its error needs an operator.
    Column("turn", Integer, nullable=False),
    Column("missing", String(200), nullable=False),
    Column("parked_at_us", BigInteger, nullable=False),
    Column("tried_at_us", BigInteger, nullable=False),
    Index("parked_by_turn", "reaction", "turn", "tried_at_us"),
)

FIRST, BEHIND, STUCK = 1, 0, 2

# Projected from events and so rebuildable, but for fired_at_us: that repeats a row of FIRED.
DEADLINES = Table(
    "deadlines",
    METADATA,
    Column("name", String(120), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("view", String(120), nullable=False),
    Column("due_at_us", BigInteger, nullable=False),
    Column("command_type", String(200), nullable=False),
    Column("command", LargeBinary, nullable=False),
    Column("event_id", String(200), nullable=False),
    # Of the span that decided the event: what comes of the deadline belongs to its trace.
    Column("traceparent", String(60), nullable=False, server_default=""),
    Column("fired_at_us", BigInteger),
    # Only what is still to fire: the runner's cost does not grow with the past.
    Index(
        "deadlines_due",
        "due_at_us",
        sqlite_where=text("fired_at_us IS NULL"),
        postgresql_where=text("fired_at_us IS NULL"),
    ),
)

# What was sent, and what could not be; a rebuild leaves it alone.
FIRED = Table(
    "fired",
    METADATA,
    Column("name", String(120), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("due_at_us", BigInteger, primary_key=True, autoincrement=False),
    Column("fired_at_us", BigInteger, nullable=False),
    Column("stopped", String(200), nullable=False, server_default=""),
)
