"""The bot itself: getMe and its list of commands."""

from __future__ import annotations

import json
import re
from typing import Any

from localchat import bodies
from localchat.errors import bad_request
from localchat.methods.call import Call, Method
from localchat.parameters import Arguments, Parameter

COMMANDS_MAX = 100
COMMAND = re.compile(r"[a-z0-9_]{1,32}")
DESCRIPTION_MAX_CHARACTERS = 256
SCOPES = frozenset(
    [
        "default",
        "all_private_chats",
        "all_group_chats",
        "all_chat_administrators",
        "chat",
        "chat_administrators",
        "chat_member",
    ]
)
SCOPE = (Parameter("scope", "object"), Parameter("language_code", "string"))


async def get_me(call: Call) -> Any:
    """Tell the bot who it is."""
    return bodies.bot_profile(call.service.bot)


async def set_my_commands(call: Call) -> Any:
    """Remember the commands that are offered to persons."""
    commands = [_command(command) for command in call.arguments.any("commands")]
    if len(commands) > COMMANDS_MAX:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    _remember(call, commands)
    return True


async def get_my_commands(call: Call) -> Any:
    """Return the commands of exactly this scope and language."""
    return call.service.store.setting(_key(call.arguments)) or []


async def delete_my_commands(call: Call) -> Any:
    """Forget the commands of this scope and language."""
    _remember(call, [])
    return True


def _remember(call: Call, commands: list[dict[str, str]]) -> None:
    with call.service.store.transaction():
        call.service.store.set_setting(_key(call.arguments), commands)
    call.service.for_persons.ring()


def commands_key(scope: dict[str, Any], language: str) -> str:
    """Return the name under which commands of a scope and language are kept."""
    return f"commands {language} {json.dumps(scope, sort_keys=True)}"


def _key(arguments: Arguments) -> str:
    scope = arguments.any("scope") or {"type": "default"}
    if scope.get("type") not in SCOPES:
        raise bad_request("can't parse BotCommandScope: Unsupported type specified")
    return commands_key(scope, arguments.string("language_code") or "")


def _command(given: Any) -> dict[str, str]:
    if not isinstance(given, dict):
        raise bad_request("can't parse BotCommand: expected an Object")
    command, description = given.get("command"), given.get("description")
    if not isinstance(command, str) or not COMMAND.fullmatch(command.removeprefix("/")):
        raise bad_request("BOT_COMMAND_INVALID")
    if not isinstance(description, str) or not description:
        raise bad_request("command description must be non-empty")
    if len(description) > DESCRIPTION_MAX_CHARACTERS:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": command.removeprefix("/"), "description": description}


METHODS = (
    Method("getMe", get_me),
    Method(
        "setMyCommands",
        set_my_commands,
        (Parameter("commands", "array", missing="commands must be specified"), *SCOPE),
    ),
    Method("getMyCommands", get_my_commands, SCOPE),
    Method("deleteMyCommands", delete_my_commands, SCOPE),
)
