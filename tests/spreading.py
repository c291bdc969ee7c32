"""How a whole run is spread over the processes of pytest-xdist."""

from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parent.parent
KAFKA = "kafka"
_NEEDS_KAFKA = ("kafka_jars", "kafka_broker", "kafka_bootstrap", "devtools.cluster")
# What takes longest starts first, so that no process works alone at the end.
_LONGEST_FIRST = (KAFKA, "tests/drills/", "tests/cli/", "tests/docs/test_tour.py")


@cache
def group_of(file: str) -> str:
    """A file stays in one process (its tests may share a system), and so does all that needs the
    one broker.
    """
    text = (ROOT / file).read_text(encoding="utf-8")
    return KAFKA if any(name in text for name in _NEEDS_KAFKA) else file


def longest_first(items: list[pytest.Item]) -> None:
    """Sorts by group; within one the order stays."""

    def rank(item: pytest.Item) -> int:
        group = group_of(item.nodeid.partition("::")[0])
        found = [n for n, start in enumerate(_LONGEST_FIRST) if group.startswith(start)]
        return found[0] if found else len(_LONGEST_FIRST)

    items.sort(key=rank)


class ByGroup(LoadScopeScheduling):
    """Whole groups, in the order of the tests.

    The marks of `--dist loadgroup` do not reach xdist 3.8 under pytest 9.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0])
