"""Every event of every household as stored: what the file of any moment is folded from."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, String, Table

METADATA = MetaData()

# Every event of the household as it is stored, personal fields sealed: valid from effective_on and
# known from recorded_at_us on, until a later version says otherwise.
HOUSEHOLD_VERSIONS = Table(
    "household_versions",
    METADATA,
    Column("household_id", String(60), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("effective_on", String(10)),
    Column("recorded_at_us", BigInteger),
    # Full name of the event's message.
    Column("type", String(100)),
    Column("event", LargeBinary),
)
