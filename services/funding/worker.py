"""funding, wired: what it decides, answers and reacts to."""

from services.funding.decider import DECIDERS
from services.funding.facts import FACTS
from services.funding.reactions import REACTIONS
from services.funding.server import Funding
from services.funding.views import VIEWS
from services.wiring import Service
from tuopin.funding.v1 import service_pb2
from tuopin.funding.v1.service_pb2_grpc import add_FundingServiceServicer_to_server

SERVICE = Service(
    name="funding",
    topics=("fund",),
    deciders=DECIDERS,
    facts=FACTS,
    views=VIEWS,
    reactions=REACTIONS,
    servicer=lambda parts: Funding(parts.handler, parts.views),
    add_to_server=add_FundingServiceServicer_to_server,
    descriptor=service_pb2.DESCRIPTOR.services_by_name["FundingService"],
)
