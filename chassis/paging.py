"""Pages of a list: an opaque token names the last key seen; lists of regions go by prefix."""

import base64
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Row, Select, and_, func, tuple_
from sqlalchemy.sql.elements import KeyedColumnElement

from chassis.fields import InvalidField

PAGE_SIZE = 100
REGION_DIGITS = 12


class Page(NamedTuple):
    """The rows of one page, the token of the next ("" at the end) and the rows of all pages."""

    rows: Sequence[Row[Any]]
    next_page_token: str
    total: int


def page(
    connection: Connection,
    wanted: Select[Any],
    key: Sequence[KeyedColumnElement[Any]],
    size: int,
    token: str,
) -> Page:
    """The page after `token` of the wanted rows in the order of a key of texts."""
    after = key_of(token, len(key))
    total = connection.scalar(wanted.with_only_columns(func.count(), maintain_column_froms=True))
    if after:
        wanted = wanted.where(tuple_(*key) > tuple_(*after))
    size = size or PAGE_SIZE
    found = connection.execute(wanted.order_by(*key).limit(size + 1)).all()
    if len(found) <= size:
        return Page(found, "", total or 0)
    last = found[size - 1]
    return Page(found[:size], token_of(*(getattr(last, str(each.key)) for each in key)), total or 0)


def token_of(*key: str) -> str:
    """The token of the page that begins after this key."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def key_of(token: str, length: int) -> tuple[str, ...]:
    """The key in a token, () for the first page; any other text is the caller's fault."""
    if not token:
        return ()
    try:
        key = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        key = None
    if not isinstance(key, list) or len(key) != length or not all(isinstance(k, str) for k in key):
        raise InvalidField("page_token", "field-pattern", {"pattern": "next_page_token"})
    return tuple(key)


def below(column: Column[Any], region_id: str) -> ColumnElement[bool]:
    """Rows of a region and all below it, as a range that an index serves in every collation."""
    return and_(column >= region_id, column <= region_id.ljust(REGION_DIGITS, "9"))
