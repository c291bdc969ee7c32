"""How the name of a region is typed in Latin letters."""

import unicodedata
from collections.abc import Mapping


class _Readings(dict[int, str]):
    """Character -> what is typed for it, learnt when it is first met (for str.translate)."""

    def __init__(self, known: Mapping[int, str], length: int | None) -> None:
        self._all = known
        self._length = length

    def __missing__(self, point: int) -> str:
        marked = unicodedata.normalize("NFD", self._all.get(point, "").split(",")[0])
        plain = "".join(c for c in marked.replace("u\u0308", "v") if not unicodedata.combining(c))
        if not plain and chr(point).isascii() and chr(point).isalnum():
            plain = chr(point).lower()
        self[point] = plain = plain[: self._length]
        return plain


class Spelling:
    """Name -> (syllables without tones, initials), character by character; ü is typed v.

    The most usual reading of a character counts: 665,276 names take a second or two, where readings
    by phrase take minutes. Whoever types another reading finds the region by its name.
    """

    def __init__(self) -> None:
        # Here, not above: the tables take 30 MB that a server needs only while it loads a list.
        from pypinyin.pinyin_dict import pinyin_dict

        self._syllables = _Readings(pinyin_dict, None)
        self._initials = _Readings(pinyin_dict, 1)

    def __call__(self, name: str) -> tuple[str, str]:
        return name.translate(self._syllables), name.translate(self._initials)
