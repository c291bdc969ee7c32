"""Small editions of a region list, shipped to a folder of the test's own."""

import gzip
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from services.registry import editions
from services.registry.editions import path_of
from tuopin.types.v1.types_pb2 import Edition

ABOVE = {"43": "湖南省", "4331": "湘西州", "433124": "花垣县", "433124110": "双龙镇"}
HEAD = "tuopin-region-mapping,1\nold_code,new_code,kind,effective_on,default,households\n"


@contextmanager
def shipped_to(folder: Path) -> Iterator[None]:
    """Whoever looks for editions looks there."""
    before = editions.FOLDER
    editions.FOLDER = folder
    try:
        yield
    finally:
        editions.FOLDER = before


def ship(folder: Path, name: str, regions: Mapping[str, str], *, falling: bool = False) -> Edition:
    """An edition of these regions, codes rising, named in the folder's editions.toml."""
    ordered = sorted(regions.items(), reverse=falling)
    rows = "".join(f"{code},{said}\n" for code, said in ordered)
    data = f"code,name\n{rows}".encode()
    sha256 = hashlib.sha256(data).hexdigest()
    path_of(sha256, folder).write_bytes(gzip.compress(data))
    with (folder / "editions.toml").open("a", encoding="utf-8") as listed:
        listed.write(f'[{name}]\nsha256 = "{sha256}"\ncount = {len(regions)}\n')
    return Edition(name=name, sha256=sha256, count=len(regions))


def mapping(*rows: str) -> bytes:
    """A mapping file of these rows."""
    return (HEAD + "".join(f"{row}\n" for row in rows)).encode()


def villages(codes: Iterable[str]) -> dict[str, str]:
    """The regions above, and villages named after the end of their codes."""
    return ABOVE | {code: f"村{code[-3:]}" for code in codes}
