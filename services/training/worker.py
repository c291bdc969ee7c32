"""training, wired: what it decides, answers and reacts to."""

from services.training.decider import DECIDERS
from services.training.facts import FACTS
from services.training.reactions import REACTIONS
from services.training.server import Training
from services.training.views import VIEWS
from services.wiring import Service
from tuopin.training.v1 import service_pb2
from tuopin.training.v1.service_pb2_grpc import add_TrainingServiceServicer_to_server

SERVICE = Service(
    name="training",
    topics=("cadre", "training"),
    reads_topic="cadre",
    deciders=DECIDERS,
    facts=FACTS,
    views=VIEWS,
    reactions=REACTIONS,
    servicer=lambda parts: Training(parts.handler, parts.views, parts.sealer),
    add_to_server=add_TrainingServiceServicer_to_server,
    descriptor=service_pb2.DESCRIPTOR.services_by_name["TrainingService"],
)
