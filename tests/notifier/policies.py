"""The policies that are shipped, as the rules' parameters."""

import tomllib
from pathlib import Path

from tests.given import FixedParameters

ROOT = Path(__file__).resolve().parents[2]
POLICIES = tomllib.loads((ROOT / "programme" / "policies.toml").read_text(encoding="utf-8"))
PARAMETERS = FixedParameters(tables={"policies": POLICIES})
