"""Pictures and documents on their way into the store.

There is no picture library here, so the sizes of a photo differ in name and in the stated width
and height only: the same bytes stand behind all of them.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from localchat import bodies
from localchat.errors import ApiError, bad_request
from localchat.limits import Limits
from localchat.parameters import Upload
from localchat.pictures import Picture, fitted, look_at
from localchat.store import Store, StoredFile

THUMBNAIL_PX = 90
TOO_LARGE = ApiError(413, "Request Entity Too Large")


def photo(store: Store, given: Upload | str, limits: Limits) -> list[dict[str, Any]]:
    """Store a photo, or find one sent before, and return its sizes, smallest first."""
    if isinstance(given, str):
        return [bodies.photo_size(file) for file in _known_photo(store, given)]
    if len(given.data) > limits.photo_max_bytes:
        size = len(given.data)
        raise bad_request(f"file of size {size} bytes is too big for a photo")
    picture = look_at(given.data)
    sizes = _photo_files(given.data, picture)
    for file in sizes:
        store.put_file(file, given.data)
    return [bodies.photo_size(file) for file in sizes]


def document(store: Store, given: Upload | str, limits: Limits) -> dict[str, Any]:
    """Store a document, or find one sent before, and return it."""
    if isinstance(given, str):
        return bodies.document_object(_known(store, given, "documents/"))
    if len(given.data) > limits.upload_max_bytes:
        raise TOO_LARGE
    if not given.data:
        raise bad_request("file must be non-empty")
    file = _document_file(given)
    store.put_file(file, given.data)
    return bodies.document_object(file)


def _photo_files(data: bytes, picture: Picture) -> list[StoredFile]:
    full = (picture.width_px, picture.height_px)
    sizes = {"s": fitted(picture, THUMBNAIL_PX), "x": full}
    digest = hashlib.sha256(data).hexdigest()
    return [
        StoredFile(
            id=f"AgAC{digest[:40]}{name}",
            unique_id=f"{digest[:14]}{name}",
            path=f"photos/{digest[:16]}_{name}{picture.suffix}",
            mime=picture.mime,
            size=len(data),
            digest=digest,
            info={"width": width, "height": height},
        )
        for name, (width, height) in sizes.items()
    ]


def _known_photo(store: Store, file_id: str) -> list[StoredFile]:
    named = _known(store, file_id, "photos/")
    sizes = [store.file(f"{named.id[:-1]}{name}") for name in "sx"]
    return [file for file in sizes if file is not None]


def _document_file(given: Upload) -> StoredFile:
    digest = hashlib.sha256(given.data).hexdigest()
    name = re.sub(r"[^\w.() -]", "_", given.filename)[-120:] or "file"
    # Two documents may have the same bytes and different names.
    key = hashlib.sha256(f"{digest}/{name}".encode()).hexdigest()
    suffix = match.group() if (match := re.search(r"\.[A-Za-z0-9]{1,10}$", name)) else ""
    return StoredFile(
        id=f"BQAC{key[:40]}",
        unique_id=key[:15],
        path=f"documents/{key[:16]}{suffix}",
        mime=given.mime,
        size=len(given.data),
        digest=digest,
        info={"name": name},
    )


def _known(store: Store, file_id: str, folder: str) -> StoredFile:
    if file_id.startswith(("http://", "https://")):
        # Fetching from the network is not what a development server should do unasked.
        raise bad_request("failed to get HTTP URL content")
    file = store.file(file_id)
    if file is None:
        raise bad_request("wrong remote file identifier specified: can't unserialize it")
    if not file.path.startswith(folder):
        raise bad_request(f"can't use a file from {file.path.split('/')[0]} here")
    return file
