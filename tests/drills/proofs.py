"""What must hold when the system is back, whatever was killed."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from localchat.client import buttons_of, text_of
from services.cli.endpoints import SERVICES
from services.notifier.views.messages import reference_of
from tests.drills.fold import Answers, assignments, households, plans, records
from tests.drills.log import Logged, assert_lanes_whole, read_log
from tests.drills.people import People
from tests.drills.workload import HELPERS, NotWithin, Workload, short_of
from tuopin.notifier.v1 import assignment_pb2 as task
from tuopin.notifier.v1 import message_pb2 as message
from tuopin.operations.v1.operations_pb2 import GetStatus, Verify
from tuopin.types.v1.types_pb2 import ReactionRefused

QUIET_S = 60.0
PAUSE_S = 0.1
OPEN = frozenset(
    {
        task.ASSIGNMENT_STATUS_OFFERED,
        task.ASSIGNMENT_STATUS_ACKNOWLEDGED,
        task.ASSIGNMENT_STATUS_RETURNED,
        task.ASSIGNMENT_STATUS_ESCALATED,
    }
)


# Kinds whose answer another service takes; each of their causes makes exactly one task.
ANSWERED = ("first-visit", "receipt-check", "verify-exit")


def assert_whole(work: Workload) -> list[Logged]:
    """All proofs; the log they were drawn from."""
    wait_quiet(work.people)
    log = read_log(work.people)
    assert_lanes_whole(log)
    assert_verified(work.people)
    assert_acknowledged_once(work.people, log)
    assert_done_once(log)
    assert_views_are_folds(work.people, log)
    assert_one_current_message(work, log)
    return log


def wait_quiet(people: People) -> None:
    """Until no view lags and no reaction waits, twice in a row."""
    end = time.monotonic() + QUIET_S
    quiet = 0
    while quiet < 2:
        statuses = [
            people.ask(each, "GetStatus", GetStatus(), operations=True) for each in SERVICES
        ]
        restless = [
            f"{status.service}/{view.view} lag {view.lag}"
            for status in statuses
            for view in status.views
            if view.lag or view.stopped
        ]
        restless += [
            f"{s.service} waits {s.reactions_waiting}" for s in statuses if s.reactions_waiting
        ]
        quiet = 0 if restless else quiet + 1
        if time.monotonic() > end:
            raise NotWithin(f"not quiet within {QUIET_S:.0f} s: {restless}")
        time.sleep(PAUSE_S)
    for status in statuses:
        assert status.healthy, status
        assert status.reactions_parked == 0, status


def assert_verified(people: People) -> None:
    """`tuopin verify`: chains, gaps, receipts, and every view rebuilt aside and compared."""
    for service in SERVICES:
        report = people.ask(service, "Verify", Verify(views=True), operations=True)
        assert not report.findings, f"{service}: {report.findings}"


def assert_acknowledged_once(people: People, log: list[Logged]) -> None:
    """What was acknowledged is in the log, once; nobody's command is there twice."""
    events: dict[str, list[str]] = defaultdict(list)
    for each in log:
        events[each.envelope.command_id].append(each.envelope.id)
    for command_id, receipt in people.receipts.items():
        assert sorted(events[command_id]) == sorted(receipt.event_ids), command_id
        assert receipt.event_ids or receipt.no_effect, command_id
    ids = Counter(each.envelope.id for each in log)
    assert [each for each, count in ids.items() if count > 1] == []


def assert_done_once(log: list[Logged]) -> None:
    """One draft a household, one offer a cause, one fact of the owner for each answer."""
    count = Counter(type(each.event).__name__ for each in log)
    causes = count["PlanApproved"] + count["MoneyPaid"] + count["ExitAppraised"]
    facts = count["VisitRecorded"] + count["ReceiptConfirmed"] + count["ExitVerified"]
    assert count["HouseholdRegistered"] == count["PlanDrafted"], count
    offered = Counter(e.event.kind for e in log if isinstance(e.event, task.AssignmentOffered))
    assert sum(offered[kind] for kind in ANSWERED) == causes, offered
    assert offered["draft-plan"] <= count["HouseholdRegistered"], offered
    assert count["AssignmentDone"] == facts == count["AssignmentVerified"], count
    refused = [each.event for each in log if isinstance(each.event, ReactionRefused)]
    assert refused == []


def assert_views_are_folds(people: People, log: list[Logged]) -> None:
    """Each view that is asked through its service says what the slow fold says."""
    answers = Answers(people)
    assert answers.households() == households(log)
    assert answers.plans() == plans(log)
    assert answers.assignments() == assignments(log)
    assert answers.records() == records(log)


def assert_one_current_message(work: Workload, log: list[Logged]) -> None:
    """An open assignment has one message that counts, and the chat shows it; what is finished
    cannot be tapped. Besides there may be copies whose number nobody learnt, since the sender was
    killed before the answer: they carry the reference of an uncertain sending.
    """
    current = _current_messages(log)
    wanted = {}
    for assignment_id, (status, *_) in assignments(log).items():
        if status not in OPEN:
            wanted[assignment_id] = set[str]()
            continue
        assert len(current[assignment_id]) == 1, (assignment_id, current[assignment_id])
        wanted[assignment_id] = {reference_of(each) for each in current[assignment_id]}
    sent = [e.event for e in log if isinstance(e.event, message.MessageSent)]
    known = {each.provider_message_id for each in sent}
    uncertain = {
        reference_of(e.event.message_id)
        for e in log
        if isinstance(e.event, message.MessageUncertain)
    }

    def shown_as_wanted() -> bool:
        shown = _shown(work, wanted, lambda number, ref: number in known or ref not in uncertain)
        return shown == wanted

    # The bot edits what stands in the chats a moment after the events.
    work.until("the chats show each open task once", shown_as_wanted)


def _shown(
    work: Workload, assignment_ids: Iterable[str], counts: Callable[[int, str], bool]
) -> dict[str, set[str]]:
    """References of the messages that count with which each assignment can still be tapped."""
    chats = [work.act(lambda p=p: work.chat.messages(work.person(p))) for p in range(HELPERS)]
    tappable = [
        (button.get("callback_data", ""), reference)
        for chat in chats
        for each in chat
        for button in buttons_of(each)
        if counts(each["message_id"], reference := text_of(each).partition("#")[2][:6])
    ]
    return {
        assignment_id: {ref for data, ref in tappable if f":{short_of(assignment_id)}:" in data}
        for assignment_id in assignment_ids
    }


def _current_messages(log: list[Logged]) -> dict[str, set[str]]:
    """Messages of each assignment that nothing took the place of, and that were sent."""
    queued: dict[str, set[str]] = defaultdict(set)
    sent, superseded = set(), set()
    for each in log:
        match each.event:
            case message.MessageQueued():
                queued[each.event.assignment_id].add(each.event.message_id)
            case message.MessageSent():
                sent.add(each.event.message_id)
            case message.MessageSuperseded():
                superseded.add(each.event.message_id)
    return {name: (ids - superseded) & sent for name, ids in queued.items()}
