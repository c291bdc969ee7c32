"""Villages by name: files that have no codes are read below the region they are imported for."""

from collections.abc import Iterable, Sequence

from services.registry.importing.cells import BadCell
from services.registry.importing.columns import folded

TOWNSHIP_DIGITS, VILLAGE_DIGITS = 9, 12
CANDIDATES_SHOWN = 5


class Villages:
    """The villages of one region, by whatever a file may call them."""

    def __init__(self, regions: Iterable[tuple[str, str]], endings: Sequence[str]) -> None:
        self._endings = tuple(endings)
        names = dict(regions)
        self._paths: dict[str, str] = {}
        self._codes: dict[str, list[str]] = {}
        for code, name in names.items():
            if len(code) == VILLAGE_DIGITS:
                township = names.get(code[:TOWNSHIP_DIGITS], "")
                self._paths[code] = f"{township}{name}"
                for said in {self._bare(name), self._bare(f"{township}{name}")}:
                    self._codes.setdefault(said, []).append(code)

    def code_of(self, name: str) -> str:
        """The one village of this name, with or without its township before it."""
        found = self._codes.get(self._bare(name), [])
        if len(found) == 1:
            return found[0]
        if not found:
            raise BadCell("village-name-not-known")
        # The same name with another ending: who writes it out in full means that one.
        exact = [code for code in found if folded(self._paths[code]).endswith(folded(name))]
        if len(exact) == 1:
            return exact[0]
        shown = [f"{code} {self._paths[code]}" for code in found[:CANDIDATES_SHOWN]]
        raise BadCell("village-name-ambiguous", candidates="; ".join(shown))

    def _bare(self, name: str) -> str:
        name = folded(name)
        for ending in self._endings:
            if name.endswith(ending) and name != ending:
                return name.removesuffix(ending)
        return name


NO_VILLAGES = Villages((), ())
