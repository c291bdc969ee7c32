"""planning, wired: what it decides, answers and reacts to."""

from services.planning.decider import DECIDERS
from services.planning.facts import FACTS
from services.planning.reactions import REACTIONS
from services.planning.server import Planning
from services.planning.views import VIEWS
from services.wiring import Service
from tuopin.planning.v1 import service_pb2
from tuopin.planning.v1.service_pb2_grpc import add_PlanningServiceServicer_to_server

SERVICE = Service(
    name="planning",
    topics=("plan",),
    deciders=DECIDERS,
    facts=FACTS,
    views=VIEWS,
    reactions=REACTIONS,
    servicer=lambda parts: Planning(parts.handler, parts.views),
    add_to_server=add_PlanningServiceServicer_to_server,
    descriptor=service_pb2.DESCRIPTOR.services_by_name["PlanningService"],
)
