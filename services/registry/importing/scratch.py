"""A file on disk that only this process can read: sealed in pieces under a key that is nowhere but
in memory, and without a name, so that a kill leaves nothing.
"""

import io
import tempfile
from array import array
from collections import OrderedDict
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PIECE_BYTES = 64 * 1024
TAG_BYTES = 16
PIECES_KEPT = 8
# Texts asked for again and again, such as the labels of a code list.
TEXTS_KEPT = 4_096
_KEY_BITS = 256


class Scratch(io.RawIOBase):
    """Append to it, then read anywhere."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        self._aead = AESGCM(AESGCM.generate_key(_KEY_BITS))
        self._waiting = bytearray()
        self._sealed = 0
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._place = 0
        self.size = 0

    def append(self, data: bytes) -> None:
        """At the end; where one reads stays as it is."""
        self._waiting += data
        self.size += len(data)
        while len(self._waiting) >= PIECE_BYTES:
            piece = bytes(self._waiting[:PIECE_BYTES])
            self._file.seek(self._sealed * (PIECE_BYTES + TAG_BYTES))
            self._file.write(self._aead.encrypt(_nonce(self._sealed), piece, None))
            del self._waiting[:PIECE_BYTES]
            self._sealed += 1

    def at(self, start: int, size: int) -> bytes:
        """So many bytes from there, fewer at the end."""
        parts = []
        end = min(start + size, self.size)
        while start < end:
            number, within = divmod(start, PIECE_BYTES)
            part = self._piece(number)[within : within + end - start]
            parts.append(part)
            start += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _piece(self, number: int) -> bytes:
        if number == self._sealed:
            return bytes(self._waiting)
        piece = self._kept.get(number)
        if piece is None:
            self._file.seek(number * (PIECE_BYTES + TAG_BYTES))
            sealed = self._file.read(PIECE_BYTES + TAG_BYTES)
            piece = self._kept[number] = self._aead.decrypt(_nonce(number), sealed, None)
            if len(self._kept) > PIECES_KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(number)
        return piece

    # As a file that is read

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size}[whence]
        self._place = max(0, begin + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        found = self.at(self._place, self.size if size is None or size < 0 else size)
        self._place += len(found)
        return found

    def close(self) -> None:
        self._kept.clear()
        self._file.close()
        super().close()


class Texts:
    """Many texts by number, out of memory but for the last few and the favourites."""

    def __init__(self, folder: Path) -> None:
        self._scratch = Scratch(folder)
        self._ends = array("Q")
        self._kept: dict[int, str] = {}

    def add(self, text: str) -> None:
        self._scratch.append(text.encode())
        self._ends.append(self._scratch.size)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, number: int) -> str:
        text = self._kept.get(number)
        if text is None:
            begin = self._ends[number - 1] if number else 0
            text = self._scratch.at(begin, self._ends[number] - begin).decode()
            if len(self._kept) >= TEXTS_KEPT:
                self._kept.clear()
            self._kept[number] = text
        return text

    def close(self) -> None:
        self._scratch.close()


def _nonce(number: int) -> bytes:
    """Each piece is sealed once, each scratch has a key of its own."""
    return number.to_bytes(12, "big")
