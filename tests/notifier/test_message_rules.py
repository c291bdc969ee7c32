"""The rules of messages and links as sentences."""

from datetime import timedelta

from chassis.decider import Actor, Claim, Release
from chassis.times import micros
from services.notifier.decider import link, message
from services.notifier.decider.message import Ways
from tests.given import NOW, Given
from tests.notifier.policies import PARAMETERS
from tuopin.notifier.v1.link_pb2 import ChatLinked, IssueLink, LinkChat, LinkIssued
from tuopin.notifier.v1.message_pb2 import (
    Errored,
    MessageErrored,
    MessageFailed,
    MessageQueued,
    MessageSent,
    MessageSuperseded,
    MessageUncertain,
    QueueMessage,
    RecordSending,
    Sent,
    SupersedeMessage,
    Uncertain,
    Unreachable,
)
from tuopin.notifier.v1.resending_pb2 import MessageRerouted, MessageResent, ResendMessage

given = Given(message.DECIDER, PARAMETERS)
given_link = Given(link.DECIDER, PARAMETERS, facts="433124")

CODE = "c" * 64
MESSAGE = {"message_id": "m-1", "assignment_id": "a-1", "cadre_id": "cadre-1"}


def queued() -> MessageQueued:
    return MessageQueued(**MESSAGE, template="offer", priority=1, village_id="433124103206")


def sent(attempt: int = 1) -> MessageSent:
    return MessageSent(**MESSAGE, attempt=attempt, provider_message_id=77)


def uncertain(attempt: int = 1) -> MessageUncertain:
    return MessageUncertain(
        **MESSAGE,
        attempt=attempt,
        reason="time-out",
        next_try_at_us=micros(NOW + timedelta(seconds=2 * attempt)),
    )


def errored(attempt: int = 1, wait_s: int = 2) -> MessageErrored:
    return MessageErrored(
        **MESSAGE,
        attempt=attempt,
        reason="500",
        next_try_at_us=micros(NOW + timedelta(seconds=wait_s)),
    )


def failed(attempt: int, reason: str, unreachable: bool = False) -> MessageFailed:
    return MessageFailed(**MESSAGE, attempt=attempt, reason=reason, unreachable=unreachable)


def superseded() -> MessageSuperseded:
    return MessageSuperseded(
        message_id="m-1", assignment_id="a-1", by_message_id="m-2", cadre_id="cadre-1"
    )


def record(attempt: int = 1, **result: object) -> RecordSending:
    return RecordSending(message_id="m-1", attempt=attempt, **result)  # type: ignore[arg-type]


def queue() -> QueueMessage:
    return QueueMessage(**MESSAGE, template="offer", priority=1, village_id="433124103206")


def test_a_message_is_queued_once() -> None:
    given().when(queue()).then(queued())
    given(queued()).when(queue()).then_nothing()


def test_a_message_is_for_a_cadre_or_for_a_member_of_a_household() -> None:
    asked = QueueMessage(
        message_id="m-1",
        person_id="person-1",
        household_id="household-1",
        template="plan-agreement",
        subject="plan-1",
        priority=1,
        asked_at_us=micros(NOW - timedelta(days=1)),
    )
    given().when(asked).then_event(MessageQueued, person_id="person-1", subject="plan-1")
    asked.cadre_id = "cadre-1"
    given().when(asked).then_rejected("message-for-one")
    given().when(QueueMessage(message_id="m-1")).then_rejected("message-for-one")


def test_what_was_asked_long_ago_is_not_told_again() -> None:
    asked = QueueMessage(message_id="m-1", person_id="person-1", template="plan-agreement")
    asked.asked_at_us = micros(NOW - timedelta(days=31))
    given().when(asked).then_nothing()


def test_a_sending_is_recorded_with_the_provider_s_number() -> None:
    given(queued()).when(record(sent=Sent(provider_message_id=77))).then(sent())


def test_the_same_attempt_counts_once_whatever_is_said_of_it_later() -> None:
    given(queued(), errored()).when(record(uncertain=Uncertain(reason="restart"))).then_nothing()
    given(queued(), sent()).when(record(2, errored=Errored(reason="500"))).then_nothing()


def test_an_uncertain_sending_is_repeated_once() -> None:
    given(queued()).when(record(uncertain=Uncertain(reason="time-out"))).then(uncertain())
    (
        given(queued(), uncertain())
        .when(record(2, uncertain=Uncertain(reason="time-out")))
        .then(failed(2, "time-out"))
    )


def test_the_repeat_of_an_uncertain_sending_may_succeed() -> None:
    given(queued(), uncertain()).when(record(2, sent=Sent(provider_message_id=77))).then(sent(2))


def test_a_refused_sending_waits_longer_each_time() -> None:
    given(queued()).when(record(errored=Errored(reason="500"))).then(errored())
    (
        given(queued(), errored(), errored(2, 4))
        .when(record(3, errored=Errored(reason="500")))
        .then(errored(3, 8))
    )


def test_the_wait_and_the_attempts_are_bounded() -> None:
    (
        given(queued(), errored(10))
        .when(record(11, errored=Errored(reason="500")))
        .then(errored(11, 900))
    )
    given(queued(), errored(11)).when(record(12, errored=Errored(reason="500"))).then(
        failed(12, "500")
    )


def test_a_final_refusal_is_final() -> None:
    (
        given(queued())
        .when(record(errored=Errored(reason="bad request", final=True)))
        .then(failed(1, "bad request"))
    )


def test_who_cannot_be_reached_is_named_so() -> None:
    (
        given(queued())
        .when(record(unreachable=Unreachable(reason="blocked")))
        .then(failed(1, "blocked", unreachable=True))
    )


def test_an_attempt_at_an_unknown_message_is_refused() -> None:
    given().when(record(sent=Sent())).then_rejected("message-not-known")
    given(queued()).when(record()).then_rejected("sending-without-result")


def test_a_message_is_superseded_once_sent_or_not() -> None:
    command = SupersedeMessage(message_id="m-1", by_message_id="m-2")
    given(queued()).when(command).then(superseded())
    given(queued(), sent()).when(command).then(superseded())
    given(queued(), superseded()).when(command).then_nothing()


def test_what_was_superseded_while_it_was_sent_still_tells_its_number() -> None:
    (given(queued(), superseded()).when(record(sent=Sent(provider_message_id=77))).then(sent()))


def issue() -> IssueLink:
    return IssueLink(cadre_id="cadre-1", code_sha256=CODE)


def issued() -> LinkIssued:
    return LinkIssued(
        cadre_id="cadre-1",
        code_sha256=CODE,
        expires_at_us=micros(NOW + timedelta(minutes=10)),
        region_id="433124",
    )


def link_chat(chat_id: str = "5001", code: str = CODE) -> LinkChat:
    return LinkChat(cadre_id="cadre-1", code_sha256=code, chat_id=chat_id)


def linked(chat_id: str = "5001") -> ChatLinked:
    return ChatLinked(cadre_id="cadre-1", chat_id=chat_id, region_id="433124")


def claim(chat_id: str = "5001") -> Claim:
    return Claim("chat", chat_id, "cadre-1", "chat-of-another-cadre")


def code_claim() -> Claim:
    return Claim("link-code", CODE, "cadre-1", "link-code-not-known", personal=False)


def code_release() -> Release:
    return Release("link-code", "cadre-1")


def test_a_newer_code_takes_the_place_of_an_unused_one() -> None:
    given_link(issued()).when(issue()).then(issued()).then_claims(code_release(), code_claim())


def test_a_code_holds_for_ten_minutes() -> None:
    given_link().when(issue()).then(issued()).then_claims(code_claim())
    (
        given_link(issued())
        .when(link_chat(), at=NOW + timedelta(minutes=10, microseconds=1))
        .then_rejected("link-code-expired", at="2020-03-02 09:10")
    )


def test_an_office_of_another_county_issues_no_link() -> None:
    (
        given_link()
        .when(issue(), by=Actor("x", {"county-office": ("110101",)}))
        .then_rejected("link-of-another-region", region="433124")
    )


def test_the_code_ties_the_chat_to_the_cadre() -> None:
    given_link(issued()).when(link_chat()).then(linked()).then_claims(code_release(), claim())


def test_a_code_is_used_once() -> None:
    given_link(issued(), linked()).when(link_chat("5002")).then_rejected("link-code-not-known")


def test_a_wrong_code_links_nobody() -> None:
    given_link(issued()).when(link_chat(code="d" * 64)).then_rejected("link-code-not-known")
    given_link().when(link_chat()).then_rejected("link-code-not-known")


def test_a_new_chat_takes_the_place_of_the_old_one() -> None:
    (
        given_link(issued(), linked(), issued())
        .when(link_chat("5002"))
        .then(linked("5002"))
        .then_claims(code_release(), Release("chat", "cadre-1"), claim("5002"))
    )


# --- other channels, and again


def blocked(attempt: int, channel: str) -> RecordSending:
    return RecordSending(
        message_id="m-1",
        attempt=attempt,
        channel=channel,
        unreachable=Unreachable(reason="blocked"),
    )


def rerouted(attempt: int) -> MessageRerouted:
    return MessageRerouted(**MESSAGE, attempt=attempt, reason="blocked", channel="log")


def resent() -> MessageResent:
    return MessageResent(**MESSAGE, village_id="433124103206")


def test_whoever_cannot_be_reached_is_tried_by_the_next_channel() -> None:
    two = Ways(("telegram", "log"))
    given(queued()).when(blocked(1, "telegram"), facts=two).then(rerouted(1))
    gone = failed(2, "blocked", unreachable=True)
    given(queued(), rerouted(1)).when(blocked(2, "log"), facts=two).then(gone)
    alone = failed(1, "blocked", unreachable=True)
    given(queued()).when(blocked(1, "telegram"), facts=Ways(("telegram",))).then(alone)


def test_what_was_given_up_can_be_sent_again() -> None:
    resend = ResendMessage(message_id="m-1")
    given(queued(), failed(12, "500")).when(resend).then(resent())
    given(queued(), sent()).when(resend).then_rejected("message-not-given-up")
    given(queued()).when(resend).then_rejected("message-not-given-up")
    superseded = MessageSuperseded(message_id="m-1", assignment_id="a-1", cadre_id="cadre-1")
    past = (queued(), failed(12, "500"), superseded)
    given(*past).when(resend).then_rejected("message-superseded")


def test_what_is_sent_again_has_attempts_of_its_own() -> None:
    again = RecordSending(message_id="m-1", attempt=13, errored=Errored(reason="500"))
    past = (queued(), failed(12, "500"), resent())
    given(*past).when(again).then(errored(13, 2))


def test_in_an_outage_no_message_is_given_up_and_no_attempt_counts() -> None:
    refused = record(12, errored=Errored(reason="500"))
    (away,) = given(queued(), errored(11)).when(refused, facts=Ways(away=True)).events
    assert isinstance(away, MessageErrored)
    assert away.provider_away
    later = record(13, errored=Errored(reason="500"))
    given(queued(), errored(11), away).when(later).then(failed(13, "500"))
    final = record(12, errored=Errored(reason="bad request", final=True))
    given(queued(), errored(11)).when(final, facts=Ways(away=True)).then(failed(12, "bad request"))
