"""The server that the command bench drives: the registry's household rules with real sealing,
tokens and telemetry, or a bare servicer in the same stack: `python -m bench.commandserver KIND
PLACE`.
"""

import asyncio
import gc
import sys
from typing import Any

import uvloop

from chassis.access import Tokens
from chassis.clock import SystemClock
from chassis.handle import Handler
from chassis.keys import Keys, PostgresKeys, SqliteKeys
from chassis.programme import Programme
from chassis.reads import AccessLog, Reads
from chassis.sealing import Sealer
from chassis.server import OPTIONS, CommandServicer, ServiceWiring, build_server
from chassis.settings import PROGRAMME_FOLDER
from chassis.store import PostgresStore, SqliteStore, Store
from chassis.telemetry import install
from services.registry.decider import DECIDERS
from services.registry.decider.registration import RegistrationFacts
from tuopin.registry.v1 import service_pb2
from tuopin.registry.v1.household_pb2 import RegisterHousehold
from tuopin.registry.v1.service_pb2_grpc import (
    RegistryServiceServicer,
    add_RegistryServiceServicer_to_server,
)
from tuopin.types.v1.types_pb2 import Outcome, Outcomes, Position, Receipt

SECRET = "the secret of a benchmark, longer than 32 bytes"
MASTER_KEY = bytes(32)
TRACE_RATIO = 0.01


class Bare(RegistryServiceServicer):
    """The same answers for nothing."""

    def __init__(self) -> None:
        self._receipt = Receipt(
            command_id="6f1d3a52-5b0e-5c5b-9a53-7e1f0c5d2b11",
            stream="household-6f1d3a52-5b0e-5c5b-9a53-7e1f0c5d2b11",
            version=1,
            position=Position(topic="household", partition=3, position=12345),
            event_ids=["household-6f1d3a52-5b0e-5c5b-9a53-7e1f0c5d2b11@1"],
        )

    async def RegisterHousehold(self, request: Any, context: Any) -> Any:
        return self._receipt

    async def RegisterHouseholds(self, request: Any, context: Any) -> Any:
        return Outcomes(outcomes=[Outcome(receipt=self._receipt) for _ in request.commands])


class Full(CommandServicer, RegistryServiceServicer):
    """Two rpcs of the registry."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler

    async def RegisterHousehold(self, request: Any, context: Any) -> Any:
        return await self.handle(request, context)

    async def RegisterHouseholds(self, request: Any, context: Any) -> Any:
        return await self.handle_many(request.commands, context)


async def village_known(command: RegisterHousehold) -> RegistrationFacts:
    """The registry keeps the villages it asked for at hand."""
    return RegistrationFacts(village_known=True)


def databases(kind: str, place: str) -> tuple[Store, Keys]:
    clock = SystemClock()
    topics = ("household", "region", "import", "access")
    if kind == "postgres":
        store_dsn, keys_dsn = place.split(" ")
        return PostgresStore(store_dsn, topics, clock), PostgresKeys(keys_dsn, MASTER_KEY)
    return SqliteStore(f"{place}/events.db", topics, clock), SqliteKeys(
        f"{place}/keys.db", MASTER_KEY
    )


async def full(kind: str, place: str) -> Any:
    install("registry", trace_ratio=TRACE_RATIO)
    programme = Programme.load(PROGRAMME_FOLDER)
    store, keys = databases(kind, place)
    await store.open()
    handler = Handler(
        service="registry",
        deciders=DECIDERS,
        facts={RegisterHousehold: village_known},
        store=store,
        sealer=Sealer(keys, MASTER_KEY),
        programme=programme,
        clock=SystemClock(),
    )
    wiring = ServiceWiring(
        "registry",
        Full(handler),  # type: ignore[abstract]  # two rpcs are enough here
        add_RegistryServiceServicer_to_server,
        service_pb2.DESCRIPTOR.services_by_name["RegistryService"],
        Reads(AccessLog(store, "access", programme, SystemClock()), programme, SystemClock()),
    )
    return build_server([wiring], tokens=Tokens(SECRET), programme=programme)


def bare() -> Any:
    import grpc.aio

    server = grpc.aio.server(options=list(OPTIONS))
    add_RegistryServiceServicer_to_server(Bare(), server)  # type: ignore[abstract]
    return server


async def main(kind: str, place: str) -> None:
    server = bare() if kind == "bare" else await full(kind, place)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop(None)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
