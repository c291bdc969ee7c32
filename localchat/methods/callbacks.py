"""Answers to taps on inline buttons."""

from __future__ import annotations

from typing import Any

from localchat.errors import bad_request
from localchat.methods.call import Call, Method
from localchat.parameters import Parameter

ANSWER_MAX_CHARACTERS = 200


async def answer_callback_query(call: Call) -> Any:
    """Show the answer to the person who tapped, once and in time."""
    service, arguments = call.service, call.arguments
    text = arguments.string("text") or ""
    if len(text) > ANSWER_MAX_CHARACTERS:
        raise bad_request("MESSAGE_TOO_LONG")
    answer = {
        "text": text,
        "show_alert": arguments.flag("show_alert"),
        "url": arguments.string("url"),
    }
    asked_since = service.clock() - service.limits.callback_answer_s
    with service.store.transaction():
        chat_id = service.store.answer_callback(_number(call), answer, asked_since)
    if not chat_id:
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    service.answered(service.clock() - service.store.asked_at(_number(call)))
    service.for_persons.ring()
    return True


def _number(call: Call) -> int:
    text = call.arguments.string("callback_query_id") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


METHODS = (
    Method(
        "answerCallbackQuery",
        answer_callback_query,
        (
            Parameter(
                "callback_query_id",
                "string",
                missing="query is too old and response timeout expired or query ID is invalid",
            ),
            Parameter("text", "string"),
            Parameter("show_alert", "boolean"),
            Parameter("url", "string"),
            Parameter("cache_time", "integer"),
        ),
    ),
)
