"""Every template, language and path of the chat with canaries in all that a person could be known
by: what leaves for the provider is looked at as it leaves. Nothing is listed by hand: texts come
from the catalogues, commands from the bot, columns from whatever a text asks for.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import telegram.request

from localchat.client import ChatClient
from localchat.limits import Limits
from localchat.server import LocalChat
from services.notifier.chat.catalogue import Catalogue, placeholders
from services.notifier.chat.outcomes import Accepted
from services.notifier.chat.performing import COMMANDS, SUPERVISOR_COMMANDS
from services.notifier.chat.provider import Provider
from services.notifier.chat.tasks import (
    Shown,
    Wording,
    shown_details,
    shown_digest,
    shown_task,
)
from tests.notifier.stage import BOT_TOKEN, HELPER, NAME, SPECIALIST, Stage
from tests.notifier.staging import on_stage
from tests.notifier.test_page import CHAT, linked
from tests.notifier.test_texts import CATALOGUES, ID, STATUSES, TEMPLATES, sign

CANARY = "CANARY"
PERSON = 2002
# Columns of an assignment and a message that a text may show. All others are canaries.
OPEN_COLUMNS = {
    "assignment_id": ID,
    "kind": "first-visit",
    "household_number": "0001",
    "village_id": "433124110226",
    "proof": "any",
    "evidence_count": 2,
    "due_at_us": 1_600_000_000_000_000,
    "offered_at_us": 1_600_000_000_000_000,
    "done_at_us": 1_600_000_000_000_000,
    "done_by": "cadre-2-of-the-county",
    "previous_cadre_id": "",
    "returned_slug": "",
    "turn": 3,
    "reference": "A1B2C3",
}
# What a placeholder may stand for: numbers, moments, names of places and kinds, our own sentences.
FILLED_WITH = {
    "headline": "New task",
    "reference": "A1B2C3",
    "kind": "First visit",
    "number": "0001",
    "place": "Some village",
    "cadre": "aaaaaaaa",
    "url": "http://127.0.0.1/h/secret",
}

Request = tuple[str, str]


class Canaries(SimpleNamespace):
    """A row: what was not opened to the chat is a canary."""

    def __getattr__(self, name: str) -> str:
        return f"{CANARY}-{name}"


class Seen(dict[str, str]):
    """Texts that remember which of them were used."""

    def __init__(self, texts: Mapping[str, str], used: set[str]) -> None:
        super().__init__(texts)
        self._used = used

    def __getitem__(self, key: str) -> str:
        self._used.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._used.add(key)
        return super().get(key, default)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Method and parameters of each request to the provider, as they leave."""
    requests: list[Request] = []
    real = telegram.request.HTTPXRequest.do_request

    async def watched(
        self: Any, url: str, method: str, request_data: Any = None, **more: Any
    ) -> Any:
        said = str(request_data.json_parameters) if request_data is not None else ""
        requests.append((url.rsplit("/", 1)[-1], said))
        return await real(self, url, method, request_data, **more)

    monkeypatch.setattr(telegram.request.HTTPXRequest, "do_request", watched)
    return requests


def rendered(language: str, used: set[str]) -> Iterator[Shown]:
    """Whatever the bot makes of rows, in every state of assignment and message."""
    catalogue = Catalogue(language, Seen(CATALOGUES[language].texts, used))
    for choices, reason in ((True, ""), (False, "Some sentence of ours")):
        words = Wording(catalogue, sign, "Some village", reason, choices)
        for template, status in product(TEMPLATES, STATUSES):
            for holder, superseded in (("cadre-1", 0), ("cadre-2", 0), ("", 0), ("cadre-1", 1)):
                row = Canaries(**{**OPEN_COLUMNS, "status": status, "cadre_id": holder})
                row.returned_slug = "slug" if reason else ""
                message = Canaries(
                    template=template,
                    reference="A1B2C3",
                    cadre_id="cadre-1",
                    superseded=superseded,
                )
                yield shown_task(row, message, words, repeated=bool(reason))
                yield Shown(shown_details(row, "cadre-1", words))
        yield shown_digest([row], "A1B2C3", 1, words)
        yield shown_digest([], "A1B2C3", 1, words)


def others(language: str, used: set[str]) -> Iterator[tuple[str, Shown]]:
    """The texts that no row is rendered with, filled with what they may be filled with."""
    catalogue = CATALOGUES[language]
    for key in sorted(catalogue.texts.keys() - used):
        values = {name: FILLED_WITH.get(name, 7) for name in placeholders(catalogue.texts[key])}
        yield key, Shown(catalogue.text(key, **values))


@pytest.mark.parametrize("language", CATALOGUES)
async def test_no_template_on_any_path_lets_a_canary_out(
    language: str, sent: list[Request]
) -> None:
    used: set[str] = set()
    shown = list(dict.fromkeys(rendered(language, used)))
    assert len(shown) > 40
    rest = dict(others(language, used))
    assert used | rest.keys() == CATALOGUES[language].texts.keys()
    chat = LocalChat(":memory:", token=BOT_TOKEN, limits=Limits(rate=False))
    await chat.start()
    try:
        async with Provider(BOT_TOKEN, chat.url) as provider:
            async with ChatClient(chat.url) as people:
                await people.person(PERSON, "somebody", language, started=True)
            first = await provider.send(str(PERSON), Shown("first"))
            assert isinstance(first, Accepted)
            for each in (*shown, *rest.values()):
                outcome = await provider.send(str(PERSON), each)
                assert isinstance(outcome, Accepted), each
            for each in shown[:: max(1, len(shown) // 20)]:
                await provider.edit(str(PERSON), first.provider_message_id, each)
            for key in rest:
                values = dict.fromkeys(placeholders(CATALOGUES[language].texts[key]), 7)
                await provider.answer("1", CATALOGUES[language].plain(key, **values))
    finally:
        await chat.stop()
    paths = {name for name, _ in sent}
    assert {"sendMessage", "editMessageText", "answerCallbackQuery"} <= paths
    assert [each for each in sent if CANARY in str(each)] == []


@pytest.mark.parametrize("language", CATALOGUES)
async def test_no_command_of_a_cadre_or_a_member_lets_a_canary_out(
    language: str, tmp_path: Path, sent: list[Request]
) -> None:
    async with on_stage(tmp_path) as here:
        await here.appoint_both(language)
        helper = await here.link(HELPER, language)
        await here.offered(2)
        await linked(here, language)
        await _say_all(here, helper, (*COMMANDS, *SUPERVISOR_COMMANDS, "start", "nonsense"))
        await _say_all(here, CHAT, ("file", "complain", "help", "start", "nonsense", "unlink"))
        await _say_all(here, 4_000 + len(language), ("start", "tasks", "file"))
    told = [text for name, text in sent if name != "getUpdates"]
    assert sum(name == "sendMessage" for name, _ in sent) > 15
    for canary in (NAME, "CANARY", HELPER, SPECIALIST, "h-1", "h-2"):
        assert [text for text in told if canary in text] == [], canary


async def _say_all(here: Stage, person: int, commands: tuple[str, ...]) -> None:
    """One after the other; each is answered somehow."""
    await here.people.person(person, f"{CANARY}-client", "zh")
    for command in commands:
        before = max((m["change"] for m in await here.people.messages(person)), default=0)
        await here.people.say(person, f"/{command}")
        await here.task_message(person, "text", after=before)


@pytest.fixture(autouse=True)
def forms_are_sound() -> None:
    """A canary that a row gives is one that is found."""
    assert CANARY in str(("sendMessage", Canaries().note))
