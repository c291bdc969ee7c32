"""The region lists that ship with the programme: content-addressed files, streamed row by row."""

import csv
import gzip
import hashlib
import io
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Looked up at every call: a test ships its own.
FOLDER = Path(__file__).parents[2] / "programme" / "regions"


class WrongDigest(Exception):
    """The file is not what its name says; nothing of it may be used."""


@dataclass(frozen=True, slots=True)
class ShippedEdition:
    """An edition that can be adopted."""

    name: str
    sha256: str
    count: int


def read_edition(name: str, folder: Path | None = None) -> ShippedEdition:
    """The shipped edition of this name; FileNotFoundError when there is none."""
    folder = folder or FOLDER
    editions = tomllib.loads((folder / "editions.toml").read_text(encoding="utf-8"))
    if name not in editions:
        raise FileNotFoundError(2, "no such edition", str(folder / f"{name}.csv.gz"))
    return ShippedEdition(name, editions[name]["sha256"], editions[name]["count"])


def path_of(sha256: str, folder: Path | None = None) -> Path:
    """Where the file with this digest of its unpacked bytes lies."""
    return (folder or FOLDER) / f"{sha256}.csv.gz"


def regions_of(sha256: str, folder: Path | None = None) -> Iterator[tuple[str, str]]:
    """(code, name) row by row; raises WrongDigest after the last row of a file that was changed."""
    digest = hashlib.sha256()
    with gzip.open(path_of(sha256, folder)) as unpacked:
        lines = csv.reader(_decoded(unpacked, digest))
        next(lines)
        yield from ((code, name) for code, name in lines)
    if digest.hexdigest() != sha256:
        raise WrongDigest(sha256)


def _decoded(unpacked: io.BufferedIOBase | gzip.GzipFile, digest: "hashlib._Hash") -> Iterator[str]:
    for line in unpacked:
        digest.update(line)
        yield line.decode()


def count_of(sha256: str, folder: Path | None = None) -> int:
    """Rows of the file, its digest checked on the way; FileNotFoundError when it is not here."""
    return sum(1 for _ in regions_of(sha256, folder))
