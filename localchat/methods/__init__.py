"""The methods of the Bot API, one module per group, and the table of all of them.

To add a method: write an ``async def`` that takes a ``Call``, list it with its parameters in the
``METHODS`` of its module, and import a new module here.
"""

from __future__ import annotations

from localchat.methods import account, callbacks, editing, files, sending, updates
from localchat.methods.call import Call, Method

GROUPS = (account, callbacks, editing, files, sending, updates)
# Telegram does not mind the case of a method's name.
METHODS: dict[str, Method] = {
    method.name.lower(): method for group in GROUPS for method in group.METHODS
}

__all__ = ["METHODS", "Call", "Method"]
