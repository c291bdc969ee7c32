"""Changes to messages that the bot has sent."""

from __future__ import annotations

from typing import Any

from localchat import entities, keyboards
from localchat.errors import bad_request
from localchat.methods.call import (
    CAPTION,
    CHAT_ID,
    FORMATTED_TEXT,
    LINK_PREVIEW,
    MESSAGE_ID,
    REPLY_MARKUP,
    Call,
    Method,
)
from localchat.methods.sending import captioned, preview
from localchat.store import JsonObject, StoredMessage

DELETABLE_S = 48 * 3600
TEXT_FIELDS = ("text", "entities", "link_preview_options")
CAPTION_FIELDS = ("caption", "caption_entities", "show_caption_above_media")
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same"
    " as a current content and reply markup of the message"
)


async def edit_message_text(call: Call) -> Any:
    """Replace the text and the keyboard of a message."""
    arguments = call.arguments
    stored = _editable(call)
    if "text" not in stored.body:
        raise bad_request("there is no text in the message to edit")
    text = entities.message_text(
        arguments.string("text") or "", arguments.string("parse_mode"), arguments.any("entities")
    )
    fields = {**text.fields("text", "entities"), **preview(call)}
    return _replace(call, stored, TEXT_FIELDS, fields)


async def edit_message_caption(call: Call) -> Any:
    """Replace the caption and the keyboard of a message."""
    stored = _editable(call)
    if not {"photo", "document"} & stored.body.keys():
        raise bad_request("there is no caption in the message to edit")
    return _replace(call, stored, CAPTION_FIELDS, captioned(call))


async def edit_message_reply_markup(call: Call) -> Any:
    """Replace the keyboard of a message, or take it away."""
    return _replace(call, _editable(call), (), {})


async def delete_message(call: Call) -> Any:
    """Take a message away for both sides."""
    service = call.service
    chat = service.chat_for_bot(call.arguments.integer("chat_id"))
    stored = service.store.message(chat.id, call.arguments.integer("message_id"))
    if stored is None:
        raise bad_request("message to delete not found")
    foreign = chat.kind == "group" and not stored.from_bot
    if foreign or service.clock() - stored.body["date"] > DELETABLE_S:
        raise bad_request("message can't be deleted")
    with service.store.transaction():
        service.store.delete_message(stored.id)
    service.for_persons.ring()
    return True


def _editable(call: Call) -> StoredMessage:
    chat = call.service.chat_for_bot(call.arguments.integer("chat_id"))
    stored = call.service.store.message(chat.id, call.arguments.integer("message_id"))
    if stored is None:
        raise bad_request("message to edit not found")
    if not stored.from_bot:
        raise bad_request("message can't be edited")
    return stored


def _replace(
    call: Call, stored: StoredMessage, names: tuple[str, ...], fields: JsonObject
) -> JsonObject:
    """Replace some fields; a keyboard that is not given again goes, as at Telegram."""
    gone = {*names, "reply_markup"}
    body = {name: value for name, value in stored.body.items() if name not in gone} | fields
    markup = call.arguments.any("reply_markup")
    inline = keyboards.inline(markup) if markup else {"inline_keyboard": []}
    if inline["inline_keyboard"]:
        body["reply_markup"] = inline
    if body == stored.body:
        raise bad_request(NOT_MODIFIED)
    body["edit_date"] = call.service.now_s()
    with call.service.store.transaction():
        call.service.store.change_message(stored.id, body)
    call.service.for_persons.ring()
    return body


TARGET = (CHAT_ID, MESSAGE_ID)
METHODS = (
    Method(
        "editMessageText",
        edit_message_text,
        (*TARGET, *FORMATTED_TEXT, LINK_PREVIEW, REPLY_MARKUP),
    ),
    Method("editMessageCaption", edit_message_caption, (*TARGET, *CAPTION, REPLY_MARKUP)),
    Method("editMessageReplyMarkup", edit_message_reply_markup, (*TARGET, REPLY_MARKUP)),
    Method("deleteMessage", delete_message, TARGET),
)
