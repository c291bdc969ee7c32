"""The policies, calendar and hours that are shipped, as the rules' parameters."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.given import FixedParameters

ROOT = Path(__file__).resolve().parents[2]


def tables(folder: Path = ROOT / "programme") -> dict[str, Mapping[str, Any]]:
    """Every table of a folder, by name."""
    return {
        path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.toml")
    }


TABLES = tables()
POLICIES = TABLES["policies"]
KINDS = TABLES["policies-cn"]["kinds"]
PARAMETERS = FixedParameters(tables=TABLES)
