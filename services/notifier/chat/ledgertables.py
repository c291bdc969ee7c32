"""Tables of the bot's ledger. No views: nothing in them follows from events."""

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

LEASES = Table(
    "bot_leases",
    METADATA,
    Column("bot_id", BigInteger, primary_key=True, autoincrement=False),
    Column("holder", String(120), nullable=False),
    # Grows with each change of hands: who holds an older one writes nothing more.
    Column("fence", BigInteger, nullable=False),
    Column("expires_at_us", BigInteger, nullable=False),
)

INTAKE = Table(
    "bot_intake",
    METADATA,
    Column("bot_id", BigInteger, primary_key=True, autoincrement=False),
    Column("update_id", BigInteger, primary_key=True, autoincrement=False),
    # What the update was understood as when it first came: ids only, no word of the person's.
    Column("understood", Text, nullable=False),
    Column("done", Integer, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Index("bot_intake_by_time", "at_us"),
)

SENDINGS = Table(
    "bot_sendings",
    METADATA,
    Column("message_id", String(60), primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    # sending: asked of the provider; answered: the result is known; recorded: the service knows.
    Column("state", String(10), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("result", LargeBinary),
    Index(
        "bot_sendings_open",
        "state",
        sqlite_where=text("state <> 'recorded'"),
        postgresql_where=text("state <> 'recorded'"),
    ),
)

COPIES = Table(
    "bot_copies",
    METADATA,
    Column("cadre_id", String(60), primary_key=True),
    Column("provider_message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", String(60), nullable=False),
    # What stands there now.
    Column("digest", String(32), nullable=False),
    Index("bot_copies_by_message", "message_id"),
)

DIALOGUES = Table(
    "bot_dialogues",
    METADATA,
    # A keyed digest of the chat, and what is being talked about there.
    Column("key", String(100), primary_key=True),
    # Ids only, no word of the person's.
    Column("about", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Index("bot_dialogues_by_time", "at_us"),
)
