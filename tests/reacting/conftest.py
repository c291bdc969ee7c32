"""One suite for every engine of views: tests ask for `url`, and run on each."""

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "memory", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        dsn: str = request.getfixturevalue("postgres_dsn")
        return dsn
    return ":memory:" if request.param == "memory" else str(tmp_path / "views.db")
