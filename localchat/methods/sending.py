"""Messages of the bot: text, photo, document, place."""

from __future__ import annotations

import secrets
from typing import Any

from localchat import entities, keyboards, media
from localchat.errors import bad_request
from localchat.methods.call import (
    CAPTION,
    CHAT_ID,
    FORMATTED_TEXT,
    LINK_PREVIEW,
    REPLY_MARKUP,
    Call,
    Method,
)
from localchat.parameters import Parameter
from localchat.service import Service
from localchat.store import Chat, JsonObject

ALBUM_MIN, ALBUM_MAX = 2, 10
ALBUM_FIELDS = frozenset({"type", "media", "caption", "parse_mode", "caption_entities"})
REPLY_FIELDS = frozenset({"message_id", "chat_id", "allow_sending_without_reply"})
PREVIEW_FIELDS = frozenset(
    {"is_disabled", "url", "prefer_small_media", "prefer_large_media", "show_above_text"}
)
ACTIONS = frozenset(
    [
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    ]
)
OPTIONS = (
    CHAT_ID,
    Parameter("disable_notification", "boolean"),
    Parameter("protect_content", "boolean"),
    Parameter("reply_parameters", "object"),
    REPLY_MARKUP,
)


async def send_message(call: Call) -> Any:
    """Send a text."""
    arguments = call.arguments
    text = entities.message_text(
        arguments.string("text") or "", arguments.string("parse_mode"), arguments.any("entities")
    )
    return _send(call, {**text.fields("text", "entities"), **preview(call)})


async def send_photo(call: Call) -> Any:
    """Send a photo with a caption."""
    chat, content = _chat(call), captioned(call)
    service = call.service
    with service.store.transaction():
        sizes = media.photo(service.store, call.arguments.any("photo"), service.limits)
    return _send(call, {"photo": sizes, **content}, chat)


async def send_document(call: Call) -> Any:
    """Send a file with a caption."""
    chat, content = _chat(call), captioned(call)
    service = call.service
    with service.store.transaction():
        document = media.document(service.store, call.arguments.any("document"), service.limits)
    return _send(call, {"document": document, **content}, chat)


async def send_media_group(call: Call) -> Any:
    """Send two to ten photos, or two to ten files, as one album."""
    chat, service = _chat(call), call.service
    given = call.arguments.any("media")
    kinds = {each.get("type") for each in given}
    if not ALBUM_MIN <= len(given) <= ALBUM_MAX:
        raise bad_request("media group must include 2-10 items")
    if kinds not in ({"photo"}, {"document"}):
        raise bad_request("media group must be of photos or of documents only")
    group_id = secrets.token_hex(8)
    contents = [_album_item(service, each, group_id) for each in given]
    reply_to = _replied(call, chat)
    for _ in contents:
        service.spend(chat.id)
    return [service.deliver(chat, content, reply_to=reply_to) for content in contents]


def _album_item(service: Service, given: JsonObject, group_id: str) -> JsonObject:
    unknown = sorted(given.keys() - ALBUM_FIELDS)
    if unknown:
        raise bad_request(f'unknown field "{unknown[0]}" in InputMedia')
    caption = entities.caption(
        given.get("caption"), given.get("parse_mode"), given.get("caption_entities")
    )
    keep = media.photo if given["type"] == "photo" else media.document
    with service.store.transaction():
        kept = keep(service.store, given["media"], service.limits)
    fields = caption.fields("caption", "caption_entities")
    return {given["type"]: kept, **fields, "media_group_id": group_id}


async def send_location(call: Call) -> Any:
    """Send a place."""
    place = location(call.arguments.number("latitude"), call.arguments.number("longitude"))
    return _send(call, place)


async def send_chat_action(call: Call) -> Any:
    """Say that the bot is busy; the page does not show it."""
    _chat(call)
    if call.arguments.string("action") not in ACTIONS:
        raise bad_request("wrong parameter action in request")
    return True


def location(latitude: float, longitude: float) -> JsonObject:
    """Return the content of a message that is a place."""
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise bad_request("location is invalid")
    return {"location": {"latitude": latitude, "longitude": longitude}}


def captioned(call: Call) -> JsonObject:
    """Return the caption's fields of a message."""
    arguments = call.arguments
    caption = entities.caption(
        arguments.string("caption"),
        arguments.string("parse_mode"),
        arguments.any("caption_entities"),
    )
    fields = caption.fields("caption", "caption_entities")
    if fields and arguments.flag("show_caption_above_media"):
        fields["show_caption_above_media"] = True
    return fields


def preview(call: Call) -> JsonObject:
    """Return the link preview's options, which the message repeats."""
    options = call.arguments.any("link_preview_options")
    if not options:
        return {}
    unknown = sorted(options.keys() - PREVIEW_FIELDS)
    if unknown:
        raise bad_request(f'unknown field "{unknown[0]}" in link_preview_options')
    return {"link_preview_options": options}


def _chat(call: Call) -> Chat:
    return call.service.chat_for_bot(call.arguments.integer("chat_id"))


def _send(call: Call, content: JsonObject, chat: Chat | None = None) -> JsonObject:
    """Check what all messages have in common, count the message, and deliver it."""
    chat = chat or _chat(call)
    markup = call.arguments.any("reply_markup")
    checked = keyboards.checked(markup) if markup else None
    reply_to = _replied(call, chat)
    if call.arguments.flag("protect_content"):
        content["has_protected_content"] = True
    call.service.spend(chat.id)
    return call.service.deliver(chat, content, reply_to=reply_to, markup=checked)


def _replied(call: Call, chat: Chat) -> JsonObject | None:
    given = call.arguments.any("reply_parameters")
    if not given:
        return None
    unknown = sorted(given.keys() - REPLY_FIELDS)
    if unknown:
        raise bad_request(f'unknown field "{unknown[0]}" in reply_parameters')
    message_id = given.get("message_id")
    if type(message_id) is not int:
        raise bad_request('field "message_id" of reply_parameters must be a Number')
    found = None
    if str(given.get("chat_id", chat.id)) == str(chat.id):
        found = call.service.store.message(chat.id, message_id)
    if found is None and not given.get("allow_sending_without_reply"):
        raise bad_request("message to be replied not found")
    return found.body if found else None


METHODS = (
    Method("sendMessage", send_message, (*OPTIONS, *FORMATTED_TEXT, LINK_PREVIEW)),
    Method(
        "sendPhoto",
        send_photo,
        (
            *OPTIONS,
            *CAPTION,
            Parameter("photo", "file", missing="there is no photo in the request"),
        ),
    ),
    Method(
        "sendDocument",
        send_document,
        (
            *OPTIONS,
            *CAPTION[:3],
            Parameter("disable_content_type_detection", "boolean"),
            Parameter("document", "file", missing="there is no document in the request"),
        ),
    ),
    Method(
        "sendMediaGroup",
        send_media_group,
        (*OPTIONS[:4], Parameter("media", "media", missing="media group is empty")),
    ),
    Method(
        "sendLocation",
        send_location,
        (
            *OPTIONS,
            Parameter("latitude", "number", missing="latitude is empty"),
            Parameter("longitude", "number", missing="longitude is empty"),
        ),
    ),
    Method(
        "sendChatAction",
        send_chat_action,
        (
            CHAT_ID,
            Parameter("action", "string", missing="wrong parameter action in request"),
        ),
    ),
)
