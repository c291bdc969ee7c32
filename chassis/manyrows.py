"""Many rows into SQLite with few statements.

`executemany` gives the interpreter's lock away and takes it back for every row; beside a busy event
loop each taking back may cost milliseconds. One statement with many rows does it once.
"""

import sqlite3
from collections.abc import Sequence
from functools import cache
from typing import Any

# Rows of one statement: powers of two, so that few different statements are prepared.
ROWS_MAX = 512


def insert_rows(
    connection: sqlite3.Connection, insert: str, rows: Sequence[Sequence[Any]], tail: str = ""
) -> int:
    """`insert` ends before VALUES, `tail` follows it; gives the number of rows inserted."""
    inserted, at = 0, 0
    while at < len(rows):
        size = min(ROWS_MAX, 1 << (len(rows) - at).bit_length() - 1)
        part = rows[at : at + size]
        statement = _statement(insert, size, len(part[0]), tail)
        parameters = [value for row in part for value in row]
        inserted += connection.execute(statement, parameters).rowcount
        at += size
    return inserted


@cache
def _statement(insert: str, rows: int, columns: int, tail: str) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"{insert} VALUES {', '.join([row] * rows)} {tail}"
