"""What events make the registry do."""

from collections.abc import Iterable

from google.protobuf.message import Message

from chassis.reactions import Reaction
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.assignment_pb2 import AssignmentDone
from tuopin.notifier.v1.voice_pb2 import ExitAgreementGiven, PostingObjectionRaised
from tuopin.registry.v1.exit_pb2 import WRONG_EXIT_FINDER_LOOK_BACK, DeclareExitWrong
from tuopin.registry.v1.file_pb2 import IncomeStated
from tuopin.registry.v1.household_pb2 import (
    AgreeToExit,
    ErasePerson,
    PersonErased,
    VerifyExit,
)
from tuopin.registry.v1.lookback_pb2 import (
    STRATUM_EXITED,
    STRATUM_REGISTERED,
    VERDICT_WRONG,
    FindingRecorded,
)
from tuopin.registry.v1.monitoring_pb2 import (
    DifficultyReported,
    RecordWarningVisit,
    ScreenHousehold,
)
from tuopin.registry.v1.posting_pb2 import ObjectionChannel, RaiseObjection
from tuopin.registry.v1.round_pb2 import ProposeRemoval

VERIFY_EXIT = "verify-exit"
WARNING_VISIT = "warning-visit"


def verify(envelope: Envelope, event: AssignmentDone, facts: object) -> Iterable[Message]:
    """The cadre has been there: what they found goes to the household."""
    if event.kind == VERIFY_EXIT:
        yield VerifyExit(
            household_id=event.household_id,
            assignment_id=event.assignment_id,
            cadre_id=event.cadre_id,
            evidence=event.evidence,
            effective_on=event.effective_on,
        )


def visited(envelope: Envelope, event: AssignmentDone, facts: object) -> Iterable[Message]:
    """The home visit that a warning asked for."""
    if event.kind == WARNING_VISIT:
        yield RecordWarningVisit(
            household_id=event.household_id,
            assignment_id=event.assignment_id,
            cadre_id=event.cadre_id,
            evidence=event.evidence,
            effective_on=event.effective_on,
        )


def screen(
    envelope: Envelope, event: DifficultyReported | IncomeStated, facts: object
) -> Iterable[Message]:
    """Something new is known of the household; an import sets off no thousands of warnings."""
    if isinstance(event, DifficultyReported) or not event.import_id:
        yield ScreenHousehold(household_id=event.household_id)


def erase_again(envelope: Envelope, event: PersonErased, facts: object) -> Iterable[Message]:
    """The server destroys the key after the append; should it be killed in between, this makes it
    do so now. The command itself has no effect.
    """
    yield ErasePerson(
        household_id=event.household_id, person_id=event.person_id, ground=event.ground
    )


def hear_agreement(
    envelope: Envelope, event: ExitAgreementGiven, facts: object
) -> Iterable[Message]:
    """A member agreed to the exit from their own chat."""
    yield AgreeToExit(household_id=event.household_id, consent=event.consent)


def act_on_finding(envelope: Envelope, event: FindingRecorded, facts: object) -> Iterable[Message]:
    """A household wrongly in is proposed for removal, a wrong exit is declared; for one that was
    omitted the decider itself proposes the supplement.
    """
    if event.verdict != VERDICT_WRONG:
        return
    if event.stratum == STRATUM_REGISTERED:
        yield ProposeRemoval(
            household_id=event.subject_id,
            reason=event.reason,
            statement=event.note,
            lookback_id=event.lookback_id,
        )
    elif event.stratum == STRATUM_EXITED:
        yield DeclareExitWrong(
            household_id=event.subject_id,
            found_by=WRONG_EXIT_FINDER_LOOK_BACK,
            failed=event.failed,
            finding=f"look-back {event.lookback_id}",
            effective_on=event.effective_on,
        )


def hear_objection(
    envelope: Envelope, event: PostingObjectionRaised, facts: object
) -> Iterable[Message]:
    """A member objects to what is posted about their own household, from their own chat."""
    yield RaiseObjection(
        household_id=event.household_id,
        channel=ObjectionChannel.OBJECTION_CHANNEL_CHAT,
        statement=event.statement,
        objector_id=event.consent.given_by,
    )


REACTIONS: tuple[Reaction, ...] = (
    Reaction("verify-exit", AssignmentDone, verify),
    Reaction("warning-visit", AssignmentDone, visited),
    Reaction("screen-difficulty", DifficultyReported, screen),
    Reaction("screen-income", IncomeStated, screen),
    Reaction("destroy-key", PersonErased, erase_again),
    Reaction("act-on-finding", FindingRecorded, act_on_finding),
    Reaction("hear-agreement", ExitAgreementGiven, hear_agreement),
    Reaction("hear-objection", PostingObjectionRaised, hear_objection),
)
