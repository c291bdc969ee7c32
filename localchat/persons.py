"""What persons do: come, write, tap, send a picture or a place, block the bot and come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localchat import bodies, entities, keyboards, media
from localchat.errors import bad_request
from localchat.methods.account import commands_key
from localchat.methods.sending import location
from localchat.parameters import Upload
from localchat.service import CHAT_ID_MAX, Service
from localchat.store import Chat, ChatKind, ChatState, JsonObject, StoredMessage

NAME_MAX_CHARACTERS = 64
LANGUAGE_DEFAULT = "zh"


def register(service: Service, chat_id: int, name: str, language: str, *, started: bool) -> Chat:
    """Register a person, or a group when the id is negative; what has happened stays."""
    if not 0 < abs(chat_id) < CHAT_ID_MAX:
        raise bad_request("an id is a number of at most 52 bits, and not 0")
    if not 1 <= len(name.strip()) <= NAME_MAX_CHARACTERS:
        raise bad_request(f"a name has 1 to {NAME_MAX_CHARACTERS} characters")
    known = service.store.chat(chat_id)
    state: ChatState = known.state if known else "new"
    if started and state == "new":
        state = "open"
    kind: ChatKind = "private" if chat_id > 0 else "group"
    chat = Chat(chat_id, kind, name.strip(), language, state)
    with service.store.transaction():
        service.store.put_chat(chat)
    service.for_persons.ring()
    return chat


@dataclass(frozen=True, slots=True)
class How:
    """How a message is sent: in answer to another, as one of an album, or passed on."""

    reply_to_id: int | None = None
    album: str = ""
    forwarded: bool = False


def say(service: Service, person: Chat, text: str, how: How) -> JsonObject:
    """Write a message."""
    written = entities.plain(text)
    if not written.text:
        raise bad_request("message text is empty")
    if len(written.text) > entities.TEXT_MAX_CHARACTERS:
        raise bad_request("message is too long")
    return _receive(service, person, written.fields("text", "entities"), how)


def send_photo(
    service: Service, person: Chat, upload: Upload, caption: str, how: How
) -> JsonObject:
    """Send a picture."""
    fields = entities.caption(caption, None, None).fields("caption", "caption_entities")
    with service.store.transaction():
        sizes = media.photo(service.store, upload, service.limits)
    return _receive(service, person, {"photo": sizes, **fields}, how)


def send_document(
    service: Service, person: Chat, upload: Upload, caption: str, how: How
) -> JsonObject:
    """Send a file."""
    fields = entities.caption(caption, None, None).fields("caption", "caption_entities")
    with service.store.transaction():
        document = media.document(service.store, upload, service.limits)
    return _receive(service, person, {"document": document, **fields}, how)


def send_location(
    service: Service, person: Chat, latitude: float, longitude: float, how: How
) -> JsonObject:
    """Send a place."""
    return _receive(service, person, location(latitude, longitude), how)


def send_contact(
    service: Service, person: Chat, phone_number: str, user_id: int, how: How
) -> JsonObject:
    """Share a telephone number; with the person's own id it is their own."""
    contact = {"phone_number": phone_number, "first_name": person.title, "user_id": user_id}
    if not user_id:
        del contact["user_id"]
    return _receive(service, person, {"contact": contact}, how)


def _receive(service: Service, person: Chat, content: JsonObject, how: How) -> JsonObject:
    if how.album:
        content["media_group_id"] = how.album
    if how.forwarded:
        origin = {"type": "hidden_user", "sender_user_name": "somebody", "date": service.now_s()}
        content["forward_origin"] = origin
    return service.receive(person, content, reply_to=_replied(service, person, how.reply_to_id))


def tap(service: Service, person: Chat, message_id: int, callback_data: str) -> str:
    """Tap an inline button, and return the id of the callback query."""
    stored = service.store.message(person.id, message_id)
    if stored is None:
        raise bad_request("message not found")
    if not keyboards.has_button(stored.body.get("reply_markup"), callback_data):
        raise bad_request("the message has no button with this callback_data")
    with service.store.transaction():
        number = service.store.add_callback(person.id, message_id, service.clock())
        service.queue("callback_query", _callback_query(person, stored, number, callback_data))
    service.for_bot.ring()
    return str(number)


def block(service: Service, person: Chat) -> None:
    """Stop the bot from writing to this person."""
    _change_state(service, person, "blocked", ("member", "kicked"))


def unblock(service: Service, person: Chat) -> None:
    """Let the bot write again."""
    _change_state(service, person, "open", ("kicked", "member"))


def conversation(service: Service, chat: Chat, after: int) -> JsonObject:
    """Return what has changed in a chat after a change, and how it stands now."""
    messages = [_shown(stored) for stored in service.store.messages(chat.id, after)]
    answers = service.store.answers(chat.id, after)
    return {
        "messages": messages,
        "answers": answers,
        "change": max([after, *(item["change"] for item in messages + answers)]),
        "keyboard": service.store.keyboard(chat.id),
        "commands": _commands(service, chat),
        "person": person_object(chat),
    }


def person_object(chat: Chat) -> JsonObject:
    """Return a person as the page shows one."""
    return {
        "id": chat.id,
        "name": chat.title,
        "language_code": chat.language,
        "state": chat.state,
    }


def _shown(stored: StoredMessage) -> JsonObject:
    return {**stored.body, "change": stored.change, "deleted": stored.deleted}


def _replied(service: Service, person: Chat, message_id: int | None) -> JsonObject | None:
    if message_id is None:
        return None
    stored = service.store.message(person.id, message_id)
    if stored is None:
        raise bad_request("message to be replied not found")
    return stored.body


def _callback_query(
    person: Chat, stored: StoredMessage, number: int, callback_data: str
) -> JsonObject:
    return {
        "id": str(number),
        "from": bodies.person_user(person),
        "message": stored.body,
        "chat_instance": str(person.id),
        "data": callback_data,
    }


def _change_state(
    service: Service, person: Chat, state: ChatState, statuses: tuple[str, str]
) -> None:
    if person.state in (state, "new"):
        return
    with service.store.transaction():
        service.store.put_chat(Chat(person.id, person.kind, person.title, person.language, state))
        service.change_member(person, *statuses)
    service.for_bot.ring()
    service.for_persons.ring()


def _commands(service: Service, chat: Chat) -> Any:
    """Return the commands for this person: the narrowest scope that has any, then language."""
    scopes = ({"type": "all_private_chats"}, {"type": "default"})
    for scope in ({"type": "chat", "chat_id": chat.id}, *scopes):
        for language in (chat.language, ""):
            commands = service.store.setting(commands_key(scope, language))
            if commands:
                return commands
    return []
