"""A village meeting: enough people there, no more votes than people, and how it voted."""

from chassis.decider import Context
from chassis.rejection import require
from services.registry.decider.part import require_past
from tuopin.registry.v1.identification_pb2 import Meeting

QUORUM = "village-meeting-quorum-percent"
MAJORITY = "village-meeting-majority-percent"


def quorum_percent(village_id: str, context: Context) -> int:
    """Least share of those entitled."""
    return context.parameters.number(QUORUM, on=context.today, region=village_id)


def majority_percent(village_id: str, context: Context) -> int:
    """Share of those present that the votes for must exceed."""
    return context.parameters.number(MAJORITY, on=context.today, region=village_id)


def require_sound(
    meeting: Meeting, household_id: str, village_id: str, earliest: str, context: Context
) -> None:
    """The meeting could decide, and was held after what it decides about."""
    require(
        meeting.present <= meeting.entitled, "meeting-larger-than-village", field="meeting.present"
    )
    cast = meeting.votes_for + meeting.votes_against
    require(cast <= meeting.present, "meeting-votes-over-present", field="meeting.votes_for")
    percent = quorum_percent(village_id, context)
    enough = meeting.present * 100 >= meeting.entitled * percent
    require(enough, "meeting-without-quorum", field="meeting.present", percent=percent)
    require_past(meeting.held_on, context)
    require(meeting.held_on >= earliest, "meeting-too-early", field="meeting.held_on", on=earliest)
    subjects = {meeting.minutes.household_id}
    if meeting.HasField("paper"):
        subjects.add(meeting.paper.subject_id)
    require(subjects == {household_id}, "note-of-other-household", field="meeting.minutes")


def passed(meeting: Meeting, village_id: str, context: Context) -> bool:
    """Whether the votes for exceed the majority."""
    return meeting.votes_for * 100 > meeting.present * majority_percent(village_id, context)
