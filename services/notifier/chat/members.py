"""A member of a household in the chat: opens the household's page and ends the link, no more.

Nothing of the file is said in the chat, and nothing that is written there is kept: it is deleted
from the chat, and the page is named.
"""

import base64
from collections.abc import Callable

from google.protobuf.message import Message

from chassis.decider import derived_id
from services.notifier.chat.incoming import (
    Asked,
    Incoming,
    Pictured,
    Placed,
    Started,
    Tapped,
    Wrote,
)
from services.notifier.page.tokens import code_digest
from tuopin.notifier.v1.voice_pb2 import LinkHouseholdChat, OpenPage, UnlinkHousehold

# What is understood, and the key of what is said when it is done.
DONE = {
    "member-link": "voice.linked",
    "member-page": "voice.page",
    "member-unlink": "voice.unlinked",
}

# The keyed digest of a text.
Sign = Callable[[str, str], bytes]


def understood(incoming: Incoming) -> tuple[str, str]:
    """What a member does: (do, key of what to say)."""
    match incoming.doing:
        case Asked(command="file" | "complain"):
            return "member-page", ""
        case Asked(command="unlink"):
            return "member-unlink", ""
        case Asked() | Started():
            return "say", "voice.help"
        case Wrote() | Pictured() | Placed():
            return "say", "voice.not-here"
        case Tapped():
            return "say", "tap.not-ours"
        case _:
            return "say", "voice.help"


def token_of(bot_id: int, update_id: int, sign: Sign) -> str:
    """The secret in a page's address: nobody without the key can guess it, and the same update
    gives the same one.
    """
    return (
        base64.urlsafe_b64encode(sign("page-token", f"{bot_id}:{update_id}")).decode().rstrip("=")
    )


def command_of(
    do: str, bot_id: int, incoming: Incoming, household_id: str, person_id: str, sign: Sign
) -> Message | None:
    """The command; the same bytes whenever the update comes again."""
    update_id = incoming.source.update_id
    command_id = derived_id("update", bot_id, update_id)
    doing = incoming.doing
    match do:
        case "member-link" if isinstance(doing, Started):
            return LinkHouseholdChat(
                command_id=command_id,
                household_id=household_id,
                person_id=person_id,
                code_sha256=code_digest(doing.code),
                chat_id=incoming.source.chat_id,
                language=_language(incoming.source.language),
            )
        case "member-page":
            return OpenPage(
                command_id=command_id,
                household_id=household_id,
                person_id=person_id,
                token_sha256=code_digest(token_of(bot_id, update_id, sign)),
            )
        case "member-unlink":
            return UnlinkHousehold(
                command_id=command_id,
                household_id=household_id,
                person_id=person_id,
                ground="request",
            )
        case _:
            return None


def _language(client: str) -> str:
    return "en" if client.lower().startswith("en") else "zh"
