"""What the bot says: two equal catalogues, escaped, under the limits, no personal data."""

import hashlib
import html
import string
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from services.notifier.chat.answers import SNOOZES_S
from services.notifier.chat.catalogue import (
    ANSWER_MAX,
    TEXT_MAX,
    VALUE_MAX,
    Catalogue,
    chosen,
    joined,
    load_catalogues,
    placeholders,
)
from services.notifier.chat.performing import COMMANDS, SUPERVISOR_COMMANDS
from services.notifier.chat.taps import CALLBACK_BYTES_MAX, Tap, decode, encode
from services.notifier.chat.tasks import Wording, shown_details, shown_digest, shown_task
from services.notifier.decider.policy import PROOFS
from services.notifier.views.assignments import OPEN
from tests.notifier.policies import KINDS, POLICIES
from tuopin.notifier.v1.assignment_pb2 import AssignmentStatus

ROOT = Path(__file__).resolve().parents[2]
CATALOGUES = load_catalogues(ROOT / "programme" / "chat")
ID = "11111111-1111-4111-8111-111111111111"
TEMPLATES = ("offer", "reminder", "escalation", "returned", "reassigned")
STATUSES = AssignmentStatus.values()[1:]
NASTY = "<b>&amp;</b>" + "界" * 5000


def sign(kind: str, text: str) -> bytes:
    return f"{kind}{text}".encode()[-6:].rjust(6, b"x")


def assignment(**fields: Any) -> Any:
    row = {
        "assignment_id": ID,
        "kind": "first-visit",
        "status": AssignmentStatus.ASSIGNMENT_STATUS_OFFERED,
        "village_id": "433124110226",
        "household_number": "0001",
        "cadre_id": "cadre-1",
        "previous_cadre_id": "",
        "proof": "any",
        "evidence_count": 2,
        "due_at_us": 1_600_000_000_000_000,
        "done_by": "cadre-1",
        "done_at_us": 1_600_000_000_000_000,
        "returned_slug": "",
        "offered_at_us": 1_600_000_000_000_000,
        "turn": 3,
    }
    return SimpleNamespace(**{**row, **fields})


def message(**fields: Any) -> Any:
    row = {"template": "offer", "reference": "A1B2C3", "cadre_id": "cadre-1", "superseded": 0}
    return SimpleNamespace(**{**row, **fields})


def words(catalogue: Catalogue, **fields: Any) -> Wording:
    return Wording(**{"catalogue": catalogue, "sign": sign, "place": "Some village", **fields})


def test_both_catalogues_say_the_same_things_with_the_same_values() -> None:
    zh, en = CATALOGUES["zh"].texts, CATALOGUES["en"].texts
    assert zh.keys() == en.keys()
    assert {k: placeholders(v) for k, v in zh.items()} == {
        k: placeholders(v) for k, v in en.items()
    }


@pytest.mark.parametrize("language", CATALOGUES)
def test_every_kind_proof_and_template_has_its_words(language: str) -> None:
    texts = CATALOGUES[language].texts
    wanted = {f"command.{name}" for name in (*COMMANDS, *SUPERVISOR_COMMANDS)}
    wanted |= {f"snooze.for-{seconds}" for seconds in SNOOZES_S}
    wanted |= {f"list.title-{name}" for name in ("today", "overdue", "team")} | {"task.digest"}
    wanted |= {f"kind.{kind}" for kind in KINDS}
    wanted |= {f"task.how-{proof}" for proof in PROOFS} | {f"task.{each}" for each in TEMPLATES}
    assert wanted <= texts.keys()


@pytest.mark.parametrize("language", CATALOGUES)
def test_every_text_stays_under_the_limit_with_the_longest_values(language: str) -> None:
    catalogue = CATALOGUES[language]
    for key, text in catalogue.texts.items():
        values = dict.fromkeys(placeholders(text), NASTY)
        assert len(catalogue.text(key, **values)) < TEXT_MAX, key
        assert len(catalogue.plain(key, **values)) <= ANSWER_MAX, key


@pytest.mark.parametrize("language", CATALOGUES)
def test_what_is_filled_in_is_escaped(language: str) -> None:
    text = CATALOGUES[language].text("task.household", number="<b>&</b>")
    assert "&lt;b&gt;&amp;&lt;/b&gt;" in text


def test_only_the_tags_of_the_provider_are_used() -> None:
    for catalogue in CATALOGUES.values():
        for key, text in catalogue.texts.items():
            bare = text.replace("<b>", "").replace("</b>", "")
            assert html.escape(bare, quote=False) == bare, key


@pytest.mark.parametrize("language", CATALOGUES)
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_task_can_be_shown_in_every_state(language: str, status: int, template: str) -> None:
    for proof in PROOFS:
        for superseded in (0, 1):
            for holder in ("cadre-1", "cadre-2", ""):
                row = assignment(status=status, proof=proof, cadre_id=holder, returned_slug="x")
                given = message(template=template, superseded=superseded)
                said = words(CATALOGUES[language], place=NASTY, reason=NASTY)
                shown = shown_task(row, given, said, repeated=True)
                assert len(shown.text) <= TEXT_MAX
                assert "#A1B2C3" in shown.text
                assert "0001" in shown.text
                mine = holder == "cadre-1" and status in OPEN and not superseded
                assert bool(shown.buttons) == mine


def test_who_had_it_last_may_take_what_nobody_has() -> None:
    status = AssignmentStatus.ASSIGNMENT_STATUS_ESCALATED
    row = assignment(status=status, cadre_id="", previous_cadre_id="cadre-1")
    shown = shown_task(row, message(), words(CATALOGUES["en"]))
    assert [button.text for button in shown.buttons] == ["Take the task", "Details"]
    assert "township" in shown.text


def test_a_changed_task_changes_its_digest_and_an_equal_one_does_not() -> None:
    def digest(**fields: Any) -> str:
        return shown_task(assignment(**fields), message(), words(CATALOGUES["zh"])).digest

    assert digest() == digest()
    assert digest() != digest(household_number="0002")


@pytest.mark.parametrize("language", CATALOGUES)
def test_details_and_digest_stay_under_the_limit(language: str) -> None:
    said = words(CATALOGUES[language], place=NASTY, reason=NASTY)
    row = assignment(household_number=NASTY, cadre_id="cadre-2")
    assert len(shown_details(row, "cadre-1", said)) <= TEXT_MAX
    digest = shown_digest([row] * 50, "A1B2C3", 2**52, said)
    assert "50" in digest.text
    assert len(digest.buttons) == 1
    assert shown_digest([], "A1B2C3", 0, said).buttons == ()


def test_what_can_be_chosen_is_offered_to_who_has_it() -> None:
    shown = shown_task(assignment(), message(), words(CATALOGUES["en"], choices=True))
    texts = ["Take the task", "Later", "Not me", "Details"]
    assert [button.text for button in shown.buttons] == texts


@pytest.mark.parametrize("reason", POLICIES.get("decline_reasons", {"overloaded": ""}))
def test_the_longest_choice_fits_into_a_button(reason: str) -> None:
    tap = Tap("no", ID, 123_456, reason)
    assert decode(encode(tap, sign), sign) == tap


def test_an_unknown_language_falls_back() -> None:
    assert chosen(CATALOGUES, "en-GB").language == "en"
    assert chosen(CATALOGUES, "fr").language == "zh"
    assert chosen(CATALOGUES, "").language == "zh"


def test_lines_that_do_not_fit_are_left_out() -> None:
    assert joined(["x" * 4000, "y" * 200]) == "x" * 4000
    assert VALUE_MAX < TEXT_MAX


@pytest.mark.parametrize("turn", [1, 9, 123_456_789_012])
def test_a_tap_comes_back_as_it_was_sent(turn: int) -> None:
    tap = Tap("ack", ID, turn)
    data = encode(tap, sign)
    assert data.startswith(f"1:ack:ERERERERQRGBEREREREREQ:{turn}:"), data
    assert len(data.encode()) <= CALLBACK_BYTES_MAX
    assert decode(data, sign) == tap


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace("ack", "done"),
        lambda data: data[:-1] + ("x" if data[-1] != "x" else "y"),
        lambda data: data.replace(":3:", ":4:"),
        lambda data: "",
        lambda data: ":",
        lambda data: "☃" * 20,
    ],
)
def test_a_changed_tap_is_none(change: Any) -> None:
    def signed(kind: str, text: str) -> bytes:
        return hashlib.sha256(f"{kind}{text}".encode()).digest()

    data = encode(Tap("ack", ID, 3), signed)
    assert decode(change(data), signed) is None


def test_the_texts_name_nothing_but_number_and_place() -> None:
    allowed = {
        "headline",
        "reference",
        "kind",
        "number",
        "place",
        "due",
        "count",
        "reason",
        "at",
        "cadre",
        "most",
        "name",
        "late",
        "open",
        "state",
        # Of a member's own page: a secret, no name; it shows nothing by itself.
        "url",
    }
    used = set[str]()
    for text in CATALOGUES["zh"].texts.values():
        used |= {name for _, name, _, _ in string.Formatter().parse(text) if name}
    assert used == allowed
