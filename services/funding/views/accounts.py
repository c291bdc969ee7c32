"""The answer to: where does the money of a region and year stand."""

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    select,
)

from chassis.views import Rows, View
from services.funding.decider.book import balance_change
from services.funding.decider.state import EVENTS, Event
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.funding.v1.ledger_pb2 import Account, Accounts, ListAccounts

METADATA = MetaData()

ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("ledger_id", String(20), primary_key=True),
    Column("account", String(120), primary_key=True),
    Column("region_id", String(12)),
    Column("year", Integer),
    Column("balance_fen", BigInteger, nullable=False, server_default="0"),
    Index("accounts_by_region", "region_id", "year"),
)


def project(rows: Rows, envelope: Envelope, event: Event) -> None:
    """Each entry changes the balance of its account."""
    for entry in event.entries:
        key = (event.ledger_id, entry.account)
        rows.put(ACCOUNTS, key, region_id=event.region_id, year=event.year)
        rows.add(ACCOUNTS, key, balance_fen=balance_change(entry))


VIEW = View(name="accounts", tables=(ACCOUNTS,), topics=("fund",), project=project, events=EVENTS)


def list_accounts(connection: Connection, query: ListAccounts) -> Accounts:
    """The accounts of a region's ledgers in which something stands."""
    wanted = select(ACCOUNTS).where(
        ACCOUNTS.c.region_id == query.region_id, ACCOUNTS.c.balance_fen != 0
    )
    if query.year:
        wanted = wanted.where(ACCOUNTS.c.year == query.year)
    return Accounts(
        accounts=[
            Account(ledger_id=row.ledger_id, account=row.account, balance_fen=row.balance_fen)
            for row in connection.execute(wanted.order_by(ACCOUNTS.c.ledger_id, ACCOUNTS.c.account))
        ]
    )
