"""The notifier, wired: what it decides, answers and reacts to."""

from services.notifier.alarming import alarms
from services.notifier.bot import run_bot
from services.notifier.causes import reactions_of
from services.notifier.decider import DECIDERS
from services.notifier.facts import FACTS
from services.notifier.page.server import run_page
from services.notifier.reactions import REACTIONS
from services.notifier.server import Notifier
from services.notifier.views import DEADLINES, VIEWS
from services.wiring import Service
from tuopin.notifier.v1 import service_pb2
from tuopin.notifier.v1.service_pb2_grpc import add_NotifierServiceServicer_to_server

SERVICE = Service(
    name="notifier",
    topics=("task", "message", "link", "voice", "complaint"),
    reads_topic="complaint",
    deciders=DECIDERS,
    facts=FACTS,
    views=VIEWS,
    reactions=REACTIONS,
    caused=reactions_of,
    deadlines=DEADLINES,
    bot=run_bot,
    serving={"page": run_page},
    alarms=alarms,
    servicer=Notifier,
    add_to_server=add_NotifierServiceServicer_to_server,
    descriptor=service_pb2.DESCRIPTOR.services_by_name["NotifierService"],
)
