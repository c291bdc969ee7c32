"""The rules of digest, outage and order as sentences."""

from datetime import timedelta

from chassis.times import day_of, micros
from services.notifier.decider import digest, order, outage
from services.notifier.decider.digest import Open
from tests.given import NOW, Given
from tests.notifier.policies import PARAMETERS
from tests.notifier.tasks import HELPER, VILLAGE
from tuopin.notifier.v1.digest_pb2 import (
    DigestQueued,
    DigestScheduled,
    ExpectDigest,
    QueueDigest,
)
from tuopin.notifier.v1.order_pb2 import OrderTarget, OrderTask, TaskOrdered
from tuopin.notifier.v1.outage_pb2 import ProviderFound, ProviderLost, ReportProvider

# NOW is a Monday, nine in the morning.
TUESDAY = NOW.replace(hour=0) + timedelta(days=1)
WEDNESDAY = TUESDAY + timedelta(days=1)

given = Given(digest.DECIDER, PARAMETERS, Open(to_take=2, to_finish=1, overdue=1, region_id="4"))
SCHEDULED = DigestScheduled(cadre_id=HELPER, day="2020-03-03", at_us=micros(TUESDAY))
FIRE = QueueDigest(cadre_id=HELPER, day="2020-03-03")


def queued(**fields: object) -> DigestQueued:
    (event,) = given(SCHEDULED).when(FIRE, at=TUESDAY).events
    assert isinstance(event, DigestQueued)
    for name, value in fields.items():
        setattr(event, name, value)
    return event


def test_whoever_has_something_hears_of_it_the_next_working_morning() -> None:
    assert day_of(micros(TUESDAY)) == "2020-03-03"
    given().when(ExpectDigest(cadre_id=HELPER)).then(SCHEDULED)
    given(SCHEDULED).when(ExpectDigest(cadre_id=HELPER)).then_nothing()


def test_a_digest_counts_what_is_open_and_names_the_next_day() -> None:
    given(SCHEDULED).when(FIRE, at=TUESDAY).then_event(
        DigestQueued,
        to_take_count=2,
        to_finish_count=1,
        overdue_count=1,
        next_at_us=micros(WEDNESDAY),
        next_day="2020-03-04",
        supersedes_message_id="",
    )


def test_there_is_one_digest_a_day_and_it_takes_the_place_of_yesterday_s() -> None:
    first = queued()
    story = given(SCHEDULED, first)
    story.when(FIRE, at=TUESDAY + timedelta(hours=1)).then_nothing()
    story.when(ExpectDigest(cadre_id=HELPER), at=TUESDAY).then_nothing()
    second = QueueDigest(cadre_id=HELPER, day="2020-03-04")
    story.when(second, at=WEDNESDAY).then_event(
        DigestQueued, day="2020-03-04", supersedes_message_id=first.message_id
    )


def test_who_has_nothing_to_do_hears_nothing_until_something_new_comes() -> None:
    idle = given.with_facts(Open())(SCHEDULED)
    idle.when(FIRE, at=TUESDAY).then_nothing()
    idle.when(ExpectDigest(cadre_id=HELPER), at=TUESDAY + timedelta(hours=2)).then_event(
        DigestScheduled, day="2020-03-04"
    )


given_provider = Given(outage.DECIDER, PARAMETERS)
LOST = ProviderLost(provider="telegram", lost_at_us=50)


def report(*, away: bool, since_us: int) -> ReportProvider:
    return ReportProvider(provider="telegram", away=away, since_us=since_us)


def test_only_a_change_of_the_provider_is_kept() -> None:
    given_provider().when(report(away=False, since_us=9)).then_nothing()
    given_provider().when(report(away=True, since_us=50)).then(LOST)
    given_provider(LOST).when(report(away=True, since_us=60)).then_nothing()


def test_outages_never_overlap_whatever_the_clock_says() -> None:
    found = ProviderFound(provider="telegram", lost_at_us=50, found_at_us=50)
    given_provider(LOST).when(report(away=False, since_us=20)).then(found)
    later = ProviderLost(provider="telegram", lost_at_us=50)
    given_provider(LOST, found).when(report(away=True, since_us=10)).then(later)


TARGETS = (OrderTarget(village_id=VILLAGE), OrderTarget(village_id="433124103207"))
given_order = Given(order.DECIDER, PARAMETERS, TARGETS)


def ordered(**fields: object) -> OrderTask:
    command = OrderTask(
        order_id="order-1",
        region_id="433124103",
        every_village=True,
        topic="hold-meeting",
        details="CANARY",
        due_on="2020-03-10",
        proof="any",
        count=2,
    )
    for name, value in fields.items():
        setattr(command, name, value)
    return command


def test_an_order_names_everyone_it_reaches() -> None:
    story = given_order().when(ordered())
    story.then_event(
        TaskOrdered, targets=list(TARGETS), topic="hold-meeting", ordered_by="li-office"
    )
    given_order(*story.events).when(ordered()).then_nothing()


def test_an_order_reaches_as_many_as_its_dry_run_showed() -> None:
    given_order().when(ordered(count=3)).then_rejected("order-count-changed", count=2)
    nobody = given_order.with_facts(())
    nobody().when(ordered(count=1)).then_rejected("order-reaches-nobody")


def test_an_order_has_one_way_to_name_its_people_a_known_topic_and_a_day_to_come() -> None:
    given_order().when(ordered(post="HELPER")).then_rejected("order-without-target")
    given_order().when(ordered(every_village=False)).then_rejected("order-without-target")
    given_order().when(ordered(topic="dance")).then_rejected("order-topic-not-known")
    given_order().when(ordered(due_on="2020-03-01")).then_rejected("order-due-in-the-past")
    given_order().when(ordered(due_on="2020-03-02")).then_event(TaskOrdered, due_on="2020-03-02")
