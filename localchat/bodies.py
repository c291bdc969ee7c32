"""The Bot API's objects as JSON."""

from __future__ import annotations

from typing import Any

from localchat.store import Chat, JsonObject, StoredFile


def bot_user(bot_id: int, username: str) -> JsonObject:
    """Return the bot as the sender of its messages."""
    return {"id": bot_id, "is_bot": True, "first_name": username, "username": username}


def bot_profile(bot: JsonObject) -> JsonObject:
    """Return the bot as getMe tells it."""
    return {
        **bot,
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


def person_user(person: Chat) -> JsonObject:
    """Return a person as a sender."""
    return {
        "id": person.id,
        "is_bot": False,
        "first_name": person.title,
        "language_code": person.language,
    }


def chat_object(chat: Chat) -> JsonObject:
    """Return the chat a message is in."""
    if chat.kind == "private":
        return {"id": chat.id, "type": "private", "first_name": chat.title}
    return {"id": chat.id, "type": "group", "title": chat.title}


def replied(body: JsonObject) -> JsonObject:
    """Return a message as it is quoted in a reply; replies are not nested."""
    return {name: value for name, value in body.items() if name != "reply_to_message"}


def file_object(file: StoredFile) -> JsonObject:
    """Return what getFile tells about a file."""
    return {**_file_ids(file), "file_size": file.size, "file_path": file.path}


def photo_size(file: StoredFile) -> JsonObject:
    """Return one size of a photo."""
    sides = {"width": file.info["width"], "height": file.info["height"]}
    return {**_file_ids(file), **sides, "file_size": file.size}


def document_object(file: StoredFile) -> JsonObject:
    """Return a document."""
    return {
        **_file_ids(file),
        "file_name": file.info["name"],
        "mime_type": file.mime,
        "file_size": file.size,
    }


def member_change(person: Chat, bot: JsonObject, old: str, new: str, at: int) -> dict[str, Any]:
    """Return the update by which a bot learns that a person blocked it or came back."""
    return {
        "chat": chat_object(person),
        "from": person_user(person),
        "date": at,
        "old_chat_member": _member(bot, old),
        "new_chat_member": _member(bot, new),
    }


def _member(bot: JsonObject, status: str) -> JsonObject:
    member: JsonObject = {"status": status, "user": bot}
    return {**member, "until_date": 0} if status == "kicked" else member


def _file_ids(file: StoredFile) -> JsonObject:
    return {"file_id": file.id, "file_unique_id": file.unique_id}
