"""Keyboards under and below messages, checked before they are stored."""

from __future__ import annotations

import json
from typing import Any

from localchat.errors import ApiError, bad_request

CALLBACK_DATA_MAX_BYTES = 64
COPY_TEXT_MAX_CHARACTERS = 256
BUTTONS_MAX = 100
MARKUP_MAX_BYTES = 10_000
INLINE_FIELDS = frozenset({"text", "url", "callback_data", "copy_text"})
INLINE_ACTIONS = INLINE_FIELDS - {"text"}
REPLY_FIELDS = frozenset({"text", "request_location", "request_contact"})
KEYBOARD_OPTIONS: dict[str, tuple[type, ...]] = {
    "is_persistent": (bool,),
    "resize_keyboard": (bool,),
    "one_time_keyboard": (bool,),
    "input_field_placeholder": (str,),
    "selective": (bool,),
}
LINK_STARTS = ("http://", "https://", "tg://", "mailto:", "tel:")

Markup = dict[str, Any]


def checked(markup: Markup) -> Markup:
    """Return a reply markup of any of the four kinds, or refuse it."""
    if len(json.dumps(markup).encode()) > MARKUP_MAX_BYTES:
        raise bad_request("reply markup is too long")
    if "inline_keyboard" in markup:
        return inline(markup)
    if "keyboard" in markup:
        _only(markup, frozenset({"keyboard", *KEYBOARD_OPTIONS}))
        _rows(markup, "keyboard", _check_reply_button)
    elif markup.get("remove_keyboard") is True:
        _only(markup, frozenset({"remove_keyboard", "selective"}))
    elif markup.get("force_reply") is True:
        _only(markup, frozenset({"force_reply", "input_field_placeholder", "selective"}))
    else:
        raise bad_request("object expected as reply markup")
    _check_options(markup)
    return markup


def inline(markup: Markup) -> Markup:
    """Return an inline keyboard, or refuse it; edited messages can have no other kind."""
    if "inline_keyboard" not in markup:
        raise bad_request("inline keyboard expected")
    _only(markup, frozenset({"inline_keyboard"}))
    _rows(markup, "inline_keyboard", _check_inline_button)
    return {"inline_keyboard": [row for row in markup["inline_keyboard"] if row]}


def is_inline(markup: Markup) -> bool:
    """Tell whether the keyboard belongs to the message itself."""
    return "inline_keyboard" in markup


def has_button(markup: Markup | None, callback_data: str) -> bool:
    """Tell whether a button with this data can be tapped."""
    rows = (markup or {}).get("inline_keyboard", [])
    return any(button.get("callback_data") == callback_data for row in rows for button in row)


def _rows(markup: Markup, name: str, check: Any) -> None:
    rows = markup[name]
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request(f'field "{name}" must be an Array of Arrays')
    if sum(len(row) for row in rows) > BUTTONS_MAX:
        raise bad_request("reply markup is too long")
    for row in rows:
        for button in row:
            check(button)


def _check_inline_button(button: Any) -> None:
    if not isinstance(button, dict):
        raise _inline_error("InlineKeyboardButton must be an Object")
    if not isinstance(button.get("text"), str):
        raise _inline_error('Can\'t find field "text"')
    _only(button, INLINE_FIELDS)
    if not button["text"].strip():
        raise bad_request("BUTTON_TEXT_EMPTY")
    actions = [name for name in INLINE_ACTIONS if button.get(name)]
    if "callback_data" in button and not actions:
        raise bad_request("BUTTON_DATA_INVALID")
    if not actions:
        raise _inline_error("Text buttons are unallowed in the inline keyboard")
    if len(actions) > 1:
        raise _inline_error("Exactly one of the optional fields must be used")
    _check_action(actions[0], button[actions[0]])


def _check_action(name: str, value: Any) -> None:
    match name:
        case "callback_data":
            if not isinstance(value, str) or len(value.encode()) > CALLBACK_DATA_MAX_BYTES:
                raise bad_request("BUTTON_DATA_INVALID")
        case "url":
            if not isinstance(value, str) or not value.lower().startswith(LINK_STARTS):
                raise bad_request("BUTTON_URL_INVALID")
        case _:
            text = value.get("text") if isinstance(value, dict) else None
            if not isinstance(text, str) or not 1 <= len(text) <= COPY_TEXT_MAX_CHARACTERS:
                raise bad_request("BUTTON_COPY_TEXT_INVALID")


def _check_reply_button(button: Any) -> None:
    if isinstance(button, str):
        button = {"text": button}
    if not isinstance(button, dict) or not isinstance(button.get("text"), str):
        raise bad_request("can't parse keyboard button: Can't find field \"text\"")
    _only(button, REPLY_FIELDS)
    if not button["text"].strip():
        raise bad_request("BUTTON_TEXT_EMPTY")


def _check_options(markup: Markup) -> None:
    for name, kinds in KEYBOARD_OPTIONS.items():
        if name in markup and not isinstance(markup[name], kinds):
            raise bad_request(f'field "{name}" of the reply markup has the wrong type')
    if len(markup.get("input_field_placeholder", "")) > 64:
        raise bad_request("input field placeholder is too long")


def _only(given: dict[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(given.keys() - known)
    if unknown:
        raise bad_request(f'unknown field "{unknown[0]}" in the reply markup')


def _inline_error(reason: str) -> ApiError:
    return bad_request(f"can't parse inline keyboard button: {reason}")
