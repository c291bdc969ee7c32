"""What an old region code means today: newer editions of the list rename, move, merge and split
regions, while tokens, and the records of services that keep no list, still name the old.
"""

from collections.abc import Iterable

from tuopin.types.v1.types_pb2 import RegionChange


class Succession:
    """Old code -> what came of it, the default successor first. Editions are added in their order;
    whoever holds one sees what is added later.
    """

    def __init__(self) -> None:
        self._now: dict[str, tuple[str, ...]] = {}

    def __bool__(self) -> bool:
        return bool(self._now)

    def add(self, changes: Iterable[RegionChange]) -> None:
        """One more edition; all of it happens at once."""
        step: dict[str, list[str]] = {}
        for each in sorted(changes, key=lambda each: not each.default_successor):
            step.setdefault(each.old_id, []).append(each.new_id)
        for old_id, before in self._now.items():
            through = (new_id for code in before for new_id in step.get(code, (code,)))
            self._now[old_id] = tuple(dict.fromkeys(through))
        begun = {new_id for led_to in step.values() for new_id in led_to}
        for code in begun:
            # A code of long ago that stands for another place now.
            self._now.pop(code, None)
        for old_id, led_to in step.items():
            if old_id not in begun:
                self._now[old_id] = tuple(led_to)

    def current(self, code: str) -> str:
        """What the code is today: itself, or the default successor of what it was."""
        return self._now.get(code, (code,))[0]

    def held(self, code: str) -> tuple[str, ...]:
        """The code, and all that came of the region it was."""
        return (code, *self._now.get(code, ()))


UNCHANGED = Succession()
