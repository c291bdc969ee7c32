"""Files that the bot wants to download."""

from __future__ import annotations

from typing import Any

from localchat import bodies
from localchat.errors import bad_request
from localchat.methods.call import Call, Method
from localchat.parameters import Parameter


async def get_file(call: Call) -> Any:
    """Tell the bot where a file can be downloaded."""
    file = call.service.store.file(call.arguments.string("file_id") or "")
    if file is None:
        raise bad_request("invalid file_id")
    if file.size > call.service.limits.download_max_bytes:
        raise bad_request("file is too big")
    return bodies.file_object(file)


METHODS = (
    Method(
        "getFile",
        get_file,
        (Parameter("file_id", "string", missing="file_id not specified"),),
    ),
)
