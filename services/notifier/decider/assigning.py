"""Who is asked: offered, handed on to the next by policy, and up level by level to the county."""

from collections.abc import Iterator

from chassis.decider import Context
from chassis.rejection import require
from chassis.times import micros, moment
from services.notifier.decider.clocks import ESCALATE, held_up, running_clock, waiting_clock
from services.notifier.decider.policy import World, candidates, limit, policy_of, upward
from services.notifier.decider.work import Event, Phase, State, evolve
from tuopin.notifier.v1.assignment_pb2 import (
    AssignmentEscalated,
    AssignmentOffered,
    AssignmentReminded,
    EscalateAssignment,
    OfferAssignment,
)
from tuopin.notifier.v1.handling_pb2 import (
    AnswerClock,
    AnswerClockStarted,
    AssignmentReassigned,
    AssignmentScheduled,
    HandOverAssignment,
    ReassignAssignment,
    StartAnswerClock,
)

Events = Iterator[Event]
SECOND_US = 1_000_000
MESSAGE = "message"


def offer(state: State, command: OfferAssignment, context: Context) -> Events:
    """Now, or on its day; what is too old or has lost its cause is not asked at all."""
    if state.phase is not Phase.UNKNOWN:
        return
    # A kind without policy is refused even where it would wait.
    policy_of(command.kind, command.village_id, context)
    caused_at_us = command.caused_at_us or micros(context.now)
    oldest_us = micros(context.now) - limit("stale_after_s", context) * SECOND_US
    if caused_at_us < oldest_us or _world(context).gone_at_us > caused_at_us:
        return
    if command.offer_at_us > micros(context.now):
        yield AssignmentScheduled(
            assignment_id=command.assignment_id,
            kind=command.kind,
            household_id=command.household_id,
            village_id=command.village_id,
            subject=command.subject,
            household_number=command.household_number,
            cadre_id=command.cadre_id,
            facts=command.facts,
            offer_at_us=command.offer_at_us,
            caused_at_us=caused_at_us,
            due_at_us=command.due_at_us,
        )
        return
    yield from _offered(state, command, context)


def release(state: State, context: Context) -> Events:
    """The day of a scheduled assignment has come; the policy of that day counts."""
    waiting = state.scheduled
    if state.phase is not Phase.SCHEDULED or micros(context.now) < waiting.offer_at_us:
        return
    command = OfferAssignment(
        assignment_id=waiting.assignment_id,
        kind=waiting.kind,
        household_id=waiting.household_id,
        village_id=waiting.village_id,
        subject=waiting.subject,
        household_number=waiting.household_number,
        cadre_id=waiting.cadre_id,
        facts=waiting.facts,
        due_at_us=waiting.due_at_us,
        caused_at_us=waiting.caused_at_us,
    )
    yield from _offered(state, command, context)


def _offered(state: State, command: OfferAssignment, context: Context) -> Events:
    """To the first who can be reached; where nobody can, it goes up at once.

    Where nobody above can be reached either, the first has it: the message waits for the chat.
    """
    policy = policy_of(command.kind, command.village_id, context)
    world = _world(context)
    named = candidates(policy.terms, command.cadre_id, command.village_id, world, ())
    if command.personally:
        named = [command.cadre_id, *named]
    reachable = [each for each in named if each not in world.unreachable]
    cadre_id = next(iter(reachable or named), "")
    due_at_us = command.due_at_us or micros(context.now + policy.due_after)
    expire_at_us = due_at_us + policy.terms.expire_after_s * SECOND_US
    event = AssignmentOffered(
        assignment_id=command.assignment_id,
        kind=command.kind,
        household_id=command.household_id,
        village_id=command.village_id,
        subject=command.subject,
        household_number=command.household_number,
        cadre_id=cadre_id,
        helper_id=command.cadre_id,
        facts=command.facts,
        policy=policy.name,
        proof=command.proof or policy.proof,
        due_at_us=due_at_us,
        terms=policy.terms,
        expire_at_us=expire_at_us if policy.terms.expire_after_s else 0,
        caused_at_us=command.caused_at_us or micros(context.now),
    )
    if policy.expires_at_due:
        event.expire_at_us = due_at_us
    if cadre_id:
        event.clock.CopyFrom(waiting_clock(policy.terms, 0, context))
    yield event
    if not reachable:
        reason = "unreachable" if cadre_id else "no-cadre"
        up = _up(evolve(state, event), reason, context)
        if up.cadre_id or not cadre_id:
            yield up


def remind(state: State, context: Context) -> Events:
    """Silence: one more reminder, unless the provider was away or the holder cannot hear it."""
    if not _ran_out(state, "remind", context):
        return
    moved = held_up(state.clock, state.terms, _world(context).outages, context)
    if moved is not None:
        yield _moved(state, moved)
        return
    if state.cadre_id in _world(context).unreachable:
        yield from pass_on(state, "unreachable", context)
        return
    yield _reminded(state, context)


def _reminded(state: State, context: Context) -> AssignmentReminded:
    """A snooze that is over is no reminder that counts."""
    terms = state.terms
    ordinal = state.reminders + (0 if state.snoozed else 1)
    index = max(ordinal, 1) - 1
    by = terms.remind_by[index] if index < len(terms.remind_by) and not state.snoozed else MESSAGE
    if by == MESSAGE:
        clock = waiting_clock(terms, ordinal, context)
        if state.taken:
            clock = running_clock(terms, ordinal, context.now, context, taken=True)
    else:
        clock = running_clock(terms, ordinal, context.now, context, taken=state.taken)
    return AssignmentReminded(
        assignment_id=state.assignment_id,
        cadre_id=state.cadre_id,
        village_id=state.offered.village_id,
        household_id=state.offered.household_id,
        kind=state.offered.kind,
        supersedes_message_id=state.message_id if by == MESSAGE else "",
        clock=clock,
        by=by,
        ordinal=ordinal,
        priority=terms.priority,
    )


def escalate(state: State, command: EscalateAssignment, context: Context) -> Events:
    """Up one level, and only away from the one it is about.

    Overdue is the law's clock: no outage stops it, and an answer half given does not either.
    """
    if not state.open or not state.cadre_id:
        return
    if command.cadre_id and command.cadre_id != state.cadre_id:
        return
    match command.reason:
        case "unreachable":
            yield from pass_on(state, command.reason, context)
        case "overdue":
            if micros(context.now) >= state.offered.due_at_us:
                yield _up(state, command.reason, context)
        case _:
            if not _ran_out(state, ESCALATE, context):
                return
            moved = held_up(state.clock, state.terms, _world(context).outages, context)
            reason = "no-progress" if state.taken else "no-answer"
            yield _moved(state, moved) if moved else _up(state, reason, context)


def pass_on(state: State, reason: str, context: Context) -> Events:
    """To the next whom the policy names and who can be reached; up when there is none."""
    world = _world(context)
    offered = state.offered
    tried = {*state.tried, state.cadre_id or state.previous_cadre_id}
    named = candidates(state.terms, offered.helper_id, offered.village_id, world, tried)
    cadre_id = next((each for each in named if each not in world.unreachable), "")
    above = upward(state.terms, state.level, offered.village_id, world, tried)
    if cadre_id and cadre_id != above.cadre_id:
        yield reassigned(state, cadre_id, reason, context)
    else:
        yield _up(state, reason, context)


def reassign(state: State, command: ReassignAssignment, context: Context) -> Events:
    """An office's choice; it may be somebody whom the policy would not have named."""
    require(state.phase is not Phase.UNKNOWN, "assignment-not-known", field="assignment_id")
    require(state.open, "assignment-not-open")
    if command.cadre_id == state.cadre_id:
        return
    require(
        command.cadre_id not in _world(context).departed,
        "assignee-departed",
        field="cadre_id",
    )
    yield reassigned(state, command.cadre_id, "office", context)


def hand_over(state: State, command: HandOverAssignment, context: Context) -> Events:
    """Who leaves hands over what is open; on the county's list it stays, but not in their name."""
    if not state.open or command.cadre_id != (state.cadre_id or state.previous_cadre_id):
        return
    yield from pass_on(state, "left", context)


def reassigned(state: State, cadre_id: str, reason: str, context: Context) -> AssignmentReassigned:
    """From now on it is this person's; the work goes on with the evidence that is there."""
    return AssignmentReassigned(
        assignment_id=state.assignment_id,
        cadre_id=cadre_id,
        previous_cadre_id=state.cadre_id or state.previous_cadre_id,
        reason=reason,
        supersedes_message_id=state.message_id,
        clock=waiting_clock(state.terms, 0, context),
        household_id=state.offered.household_id,
        village_id=state.offered.village_id,
        kind=state.offered.kind,
        priority=state.terms.priority,
    )


def start_clock(state: State, command: StartAnswerClock, context: Context) -> Events:
    """The step has left; it only matters before the clock has started by itself."""
    clock = state.clock
    if not state.open or command.message_id != state.message_id or state.taken or state.snoozed:
        return
    if not clock.next_step or command.sent_at_us >= clock.started_at_us:
        return
    start = min(context.now, moment(command.sent_at_us))
    yield AnswerClockStarted(
        assignment_id=state.assignment_id,
        cadre_id=state.cadre_id,
        message_id=command.message_id,
        clock=running_clock(state.terms, state.reminders, start, context),
        household_id=state.offered.household_id,
        village_id=state.offered.village_id,
        kind=state.offered.kind,
    )


def _up(state: State, reason: str, context: Context) -> AssignmentEscalated:
    """To the next level with somebody who can be reached; else the county's list has it."""
    world = _world(context)
    tried = {*state.tried, state.cadre_id}
    found = upward(state.terms, state.level, state.offered.village_id, world, tried)
    clock = waiting_clock(state.terms, 0, context) if found.cadre_id else AnswerClock()
    return AssignmentEscalated(
        assignment_id=state.assignment_id,
        village_id=state.offered.village_id,
        region_id=found.region_id,
        cadre_id=found.cadre_id,
        previous_cadre_id=state.cadre_id,
        household_id=state.offered.household_id,
        kind=state.offered.kind,
        reason=reason,
        # Where nobody follows, the message in hand stays good: its reader may still take the task.
        supersedes_message_id=state.message_id if found.cadre_id else "",
        clock=clock,
        level=found.level,
    )


def _ran_out(state: State, step: str, context: Context) -> bool:
    """Whether this is the step that the clock in hand was set for."""
    clock = state.clock
    waiting = state.open and bool(state.cadre_id) and clock.next_step == step
    return waiting and micros(context.now) >= clock.next_at_us


def _moved(state: State, clock: AnswerClock) -> AnswerClockStarted:
    """The clock stood still while the provider was away; it runs on from here."""
    return AnswerClockStarted(
        assignment_id=state.assignment_id,
        cadre_id=state.cadre_id,
        message_id=state.message_id,
        clock=clock,
        household_id=state.offered.household_id,
        village_id=state.offered.village_id,
        kind=state.offered.kind,
    )


def _world(context: Context) -> World:
    world = context.facts
    assert isinstance(world, World), "this command's facts are the world"
    return world
