"""What the command line says in its own name, in the user's language: programme/sentences/cli.toml.

The services' refusals come with their sentence; these are the words around them.
"""

import os
import string
import tomllib
from functools import cache
from pathlib import Path

LANGUAGES = ("zh", "en")
FILE = Path(__file__).resolve().parents[2] / "programme" / "sentences" / "cli.toml"


def language() -> str:
    """TUOPIN_LANGUAGE; what we do not speak is answered in Chinese, as the services do."""
    wanted = os.environ.get("TUOPIN_LANGUAGE", "").lower()
    return wanted if wanted in LANGUAGES else LANGUAGES[0]


@cache
def _known() -> dict[str, dict[str, str]]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def say(slug: str, **details: object) -> str:
    """The sentence of a slug; a misspelt slug is our own fault."""
    return string.Formatter().format(_known()[slug][language()], **details)
