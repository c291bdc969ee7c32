"""The rules between the code and the linked chat as sentences."""

import tomllib
from datetime import timedelta
from pathlib import Path

from chassis.decider import Actor, Claim, Release
from chassis.times import micros
from services.notifier.decider import link
from services.notifier.decider.link import Standing
from services.notifier.unlinking import unlink_departed, unlink_postless
from tests.given import NOW, FixedParameters, Given
from tests.notifier.policies import PARAMETERS
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.link_pb2 import ChatLinked, LinkIssued
from tuopin.notifier.v1.linking_pb2 import (
    BeginLink,
    ChannelsChosen,
    ChooseChannels,
    ChooseLanguage,
    ConfirmLink,
    LanguageChosen,
    LinkAttemptFailed,
    LinkBegun,
    LinkRevoked,
    PhoneProof,
    RevokeLink,
)
from tuopin.training.v1.cadre_pb2 import CadreDeparted, PostEnded

ROOT = Path(__file__).resolve().parents[2]
LINKING = tomllib.loads((ROOT / "programme" / "linking.toml").read_text(encoding="utf-8"))
TABLES = FixedParameters(tables={**PARAMETERS.tables, "linking": LINKING})
SECRETARY, SUPERVISOR = Standing(("FIRST_SECRETARY",)), Standing(("COUNTY_LEADER",), has_phone=True)
SAME, DIFFERENT = PhoneProof.PHONE_PROOF_SAME, PhoneProof.PHONE_PROOF_DIFFERENT
CODE = "c" * 64
IN_TIME = micros(NOW + timedelta(minutes=10))
OF = {"cadre_id": "cadre-1", "region_id": "433124"}

given = Given(link.DECIDER, TABLES, facts=SECRETARY)
given_supervisor = Given(link.DECIDER, TABLES, facts=SUPERVISOR)


def issued() -> LinkIssued:
    return LinkIssued(**OF, code_sha256=CODE, expires_at_us=IN_TIME)


def begin(code: str = CODE) -> BeginLink:
    return BeginLink(cadre_id="cadre-1", code_sha256=code, chat_id="5001")


def begun(*, needs_phone: bool = False) -> LinkBegun:
    return LinkBegun(
        **OF, chat_id="5001", expires_at_us=IN_TIME, needs_phone=needs_phone, code_sha256=CODE
    )


def confirm(phone: PhoneProof.ValueType = PhoneProof.PHONE_PROOF_UNSPECIFIED) -> ConfirmLink:
    return ConfirmLink(cadre_id="cadre-1", chat_id="5001", phone=phone, code_sha256=CODE)


def linked() -> ChatLinked:
    return ChatLinked(**OF, chat_id="5001")


def failed(attempt: int, *, last: bool = False) -> LinkAttemptFailed:
    return LinkAttemptFailed(**OF, attempt=attempt, last=last)


def claim() -> Claim:
    return Claim("chat", "5001", "cadre-1", "chat-of-another-cadre")


def test_a_code_is_used_up_by_the_chat_that_shows_it_first() -> None:
    given(issued()).when(begin()).then(begun()).then_claims(Release("link-code", "cadre-1"))
    given(issued(), begun()).when(begin()).then_rejected("link-code-not-known")
    given(issued()).when(begin("d" * 64)).then_rejected("link-code-not-known")


def test_the_chat_is_tied_when_the_person_says_yes() -> None:
    given(issued(), begun()).when(confirm()).then(linked()).then_claims(claim())
    given(issued(), begun(), linked()).when(confirm()).then_rejected("link-code-not-known")
    given(issued()).when(confirm()).then_rejected("link-code-not-known")


def test_a_yes_that_comes_too_late_ties_nothing() -> None:
    late = NOW + timedelta(minutes=10, microseconds=1)
    (
        given(issued(), begun())
        .when(confirm(), at=late)
        .then_rejected("link-code-expired", at="2020-03-02 09:10")
    )


def test_a_supervisor_shows_the_telephone_on_record() -> None:
    asked = begun(needs_phone=True)
    given_supervisor(issued()).when(begin()).then(asked)
    given_supervisor(issued(), asked).when(confirm()).then_rejected("link-needs-phone")
    given_supervisor(issued(), asked).when(confirm(SAME)).then(linked())


def test_a_supervisor_without_a_telephone_on_record_is_not_linked() -> None:
    nobody = Given(link.DECIDER, TABLES, facts=Standing(("TOWNSHIP_SPECIALIST",)))
    nobody(issued()).when(begin()).then_rejected("supervisor-without-phone")


def test_after_three_telephones_that_were_not_the_one_a_new_code_is_needed() -> None:
    past = (issued(), begun(needs_phone=True))
    given_supervisor(*past).when(confirm(DIFFERENT)).then(failed(1))
    twice = (*past, failed(1), failed(2))
    given_supervisor(*twice).when(confirm(DIFFERENT)).then(failed(3, last=True))
    thrice = (*twice, failed(3, last=True))
    given_supervisor(*thrice).when(confirm(SAME)).then_rejected("link-code-not-known")


def test_a_link_that_is_revoked_gives_the_chat_back() -> None:
    revoke = RevokeLink(cadre_id="cadre-1", reason="departed")
    gone = LinkRevoked(**OF, reason="departed")
    given(issued(), begun(), linked()).when(revoke).then(gone).then_claims(
        Release("chat", "cadre-1")
    )
    given(issued()).when(revoke).then(gone).then_claims(Release("link-code", "cadre-1"))
    given(issued(), begun(), linked(), gone).when(revoke).then()
    given(issued(), begun(), gone).when(confirm()).then_rejected("link-code-not-known")


def test_an_office_of_another_county_revokes_no_link() -> None:
    elsewhere = Actor(subject="x", roles={"county-office": ("110101",)})
    revoke = RevokeLink(cadre_id="cadre-1", reason="misused")
    (
        given(issued(), linked())
        .when(revoke, by=elsewhere)
        .then_rejected("link-of-another-region", region="433124")
    )


def test_whoever_has_a_chat_chooses_its_language() -> None:
    choose = ChooseLanguage(cadre_id="cadre-1", language="en")
    chosen = LanguageChosen(**OF, language="en")
    given(issued(), linked()).when(choose).then(chosen)
    given(issued(), linked(), chosen).when(choose).then()
    given(issued()).when(choose).then_rejected("link-first")


def test_a_chat_ends_with_the_last_post() -> None:
    ended = PostEnded(cadre_id="cadre-1")
    (revoke,) = unlink_postless(Envelope(), ended, 0)
    assert (revoke.cadre_id, revoke.reason) == ("cadre-1", "post-ended")
    assert list(unlink_postless(Envelope(), ended, 1)) == []
    (revoke,) = unlink_departed(Envelope(), CadreDeparted(cadre_id="cadre-1"), None)
    assert revoke.reason == "departed"


def test_an_office_says_by_what_a_cadre_is_reached() -> None:
    known = Given(link.DECIDER, TABLES, facts="433124")
    both = ChooseChannels(cadre_id="cadre-1", channels=["telegram", "log"])
    chosen = ChannelsChosen(**OF, channels=["telegram", "log"])
    known().when(both).then(chosen)
    known(chosen).when(both).then()
    for wrong in ([], ["pigeon"], ["log", "log"]):
        asked = ChooseChannels(cadre_id="cadre-1", channels=wrong)
        known().when(asked).then_rejected("channels-not-known", known="telegram, log")
