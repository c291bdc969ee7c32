"""What the command line says in its own name, in the user's language: the files cli*.toml of
programme/sentences.

The services' refusals come with their sentence; these are the words around them.
"""

import os
import string
import tomllib
from functools import cache
from pathlib import Path

LANGUAGES = ("zh", "en")
FOLDER = Path(__file__).resolve().parents[2] / "programme" / "sentences"


def language() -> str:
    """TUOPIN_LANGUAGE; what we do not speak is answered in Chinese, as the services do."""
    wanted = os.environ.get("TUOPIN_LANGUAGE", "").lower()
    return wanted if wanted in LANGUAGES else LANGUAGES[0]


@cache
def known() -> dict[str, dict[str, str]]:
    """Slug -> language -> sentence."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(FOLDER.glob("cli*.toml")):
        found |= tomllib.loads(path.read_text(encoding="utf-8"))
    return found


def say(slug: str, **details: object) -> str:
    """The sentence of a slug; a misspelt slug is our own fault."""
    return string.Formatter().format(known()[slug][language()], **details)
