"""registry, wired: what it decides, answers and reacts to."""

from datetime import date

from chassis.alarms import WindowAlarm
from chassis.clock import Clock
from chassis.decider import PROGRAMME_ZONE
from chassis.programme import Programme
from services.registry.adoption import keep_regions
from services.registry.breaking_glass import break_glass_grants
from services.registry.decider import DECIDERS
from services.registry.facts import FACTS
from services.registry.following import follow_editions
from services.registry.importing.running import finish_imports
from services.registry.reactions import REACTIONS
from services.registry.screening_runs import finish_screenings
from services.registry.server import Registry
from services.registry.tokening import keep_tokens
from services.registry.views import DEADLINES, VIEWS
from services.registry.views.exits_per_day import EXITS_PER_DAY, THRESHOLD
from services.wiring import Service
from tuopin.registry.v1 import service_pb2
from tuopin.registry.v1.service_pb2_grpc import add_RegistryServiceServicer_to_server


def _alarms(programme: Programme, clock: Clock) -> tuple[WindowAlarm, ...]:
    today: date = clock.now().astimezone(PROGRAMME_ZONE).date()
    most = programme.number(THRESHOLD, on=today)
    return (WindowAlarm("many-exits-on-one-day", EXITS_PER_DAY.c.exits, most),)


SERVICE = Service(
    name="registry",
    topics=("household", "region", "import", "access"),
    reads_topic="access",
    grants=break_glass_grants,
    deciders=DECIDERS,
    facts=FACTS,
    views=VIEWS,
    reactions=REACTIONS,
    deadlines=DEADLINES,
    servicer=Registry,
    add_to_server=add_RegistryServiceServicer_to_server,
    descriptor=service_pb2.DESCRIPTOR.services_by_name["RegistryService"],
    serving={
        "regions": keep_regions,
        "following": follow_editions,
        "screenings": finish_screenings,
        "imports": finish_imports,
        "names": keep_tokens,
    },
    alarms=_alarms,
)
