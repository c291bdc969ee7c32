"""What a method is, and what it is called with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from localchat.parameters import Arguments, Parameter
from localchat.service import Service


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a method: the provider, the arguments, and whether the caller is still there."""

    service: Service
    arguments: Arguments
    gone: asyncio.Event


@dataclass(frozen=True, slots=True)
class Method:
    """A method: its name, its parameters, and what it does."""

    name: str
    run: Callable[[Call], Awaitable[Any]]
    parameters: tuple[Parameter, ...] = ()


CHAT_ID = Parameter("chat_id", "chat", missing="chat_id is empty")
MESSAGE_ID = Parameter("message_id", "integer", missing="message identifier is not specified")
REPLY_MARKUP = Parameter("reply_markup", "object")
TEXT = Parameter("text", "string", missing="message text is empty")
FORMATTED_TEXT = (TEXT, Parameter("parse_mode", "string"), Parameter("entities", "array"))
CAPTION = (
    Parameter("caption", "string"),
    Parameter("parse_mode", "string"),
    Parameter("caption_entities", "array"),
    Parameter("show_caption_above_media", "boolean"),
)
LINK_PREVIEW = Parameter("link_preview_options", "object")
