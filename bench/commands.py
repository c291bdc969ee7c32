"""Accepted commands a second against a bare call: the same stack, payload, reply and client."""

import json
import struct
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from bench.commandserver import SECRET
from chassis.access import Tokens
from devtools.postgres import PostgresServer
from services.registry.decider.identity import check_digit
from tuopin.registry.v1.household_pb2 import (
    ATTRIBUTE_ORDINARY_POOR,
    CAUSE_ILLNESS,
    HEALTH_HEALTHY,
    LABOUR_ORDINARY,
    RELATION_CHILD,
    RELATION_HEAD,
    RELATION_SPOUSE,
    SEX_FEMALE,
    Income,
    LivingConditions,
    Member,
    RegisterHousehold,
    RegisterHouseholds,
)

ROOT = Path(__file__).resolve().parent.parent
PATH = "/tuopin.registry.v1.RegistryService/"
IN_FLIGHT = 64
BATCH = 25
BATCHES_IN_FLIGHT = 8
# Measured in turns; the best of each, since a neighbour's noise only ever slows down.
ROUNDS = 2
NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}


def households(count: int, seed: int) -> Iterator[RegisterHousehold]:
    """Invented households of three; no two share a person."""
    random = Random(seed)
    for ordinal in range(count):
        yield RegisterHousehold(
            command_id=str(uuid.UUID(int=random.getrandbits(128))),
            source=f"bench-{seed}",
            household_number=f"B{seed}-{ordinal:08d}",
            village_id="433124100201",
            attribute=ATTRIBUTE_ORDINARY_POOR,
            main_cause=CAUSE_ILLNESS,
            members=[_member(seed, ordinal, each) for each in range(3)],
            living_conditions=LivingConditions(housing_area_m2=80, power=True, fuel="柴草"),
            income=Income(year=2019, wages_fen=1_200_000, production_cost_fen=100_000),
            address="合成地址三组12号",
            effective_on="2020-03-01",
            synthetic=True,
        )


def _member(seed: int, ordinal: int, place: int) -> Member:
    # The seed and the ordinal fill region, month, day and order; only the year is told.
    day = 1 + ordinal % 28
    month = 1 + ordinal // 28 % 12
    rest = ordinal // 336
    year = 1960 + rest % 40
    body = f"99{seed % 10:01d}{place}{rest // 40 % 100:02d}{year}{month:02d}{day:02d}001"
    return Member(
        name=f"合成{'甲乙丙'[place]}",
        identity_number=body + check_digit(body),
        phone="00012345678",
        bank_card="0000123456789012",
        relation=(RELATION_HEAD, RELATION_SPOUSE, RELATION_CHILD)[place],
        birth_year=year,
        sex=SEX_FEMALE,
        ethnicity="苗族",
        health=HEALTH_HEALTHY,
        labour=LABOUR_ORDINARY,
        medical_insurance=True,
    )


@contextmanager
def serving(kind: str, place: str) -> Iterator[str]:
    """The address of a server process that ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.commandserver", kind, place],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.stdin.close()
        process.wait(30)


def drive(address: str, rpc: str, requests: list[bytes], in_flight: int) -> dict[str, Any]:
    """What the lean client measured, in a process of its own."""
    token = Tokens(SECRET).issue("bench", ["county-office@433124"], 86_400)
    done = subprocess.run(
        [sys.executable, "-m", "bench.lean", address, PATH + rpc, token, str(in_flight), "60"],
        cwd=ROOT,
        input=b"".join(struct.pack(">I", len(each)) + each for each in requests),
        capture_output=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    assert result["failed"] == 0, f"{result['failed']} calls were refused"
    return result


class Round:
    """One turn of all measurements on one server."""

    def __init__(self, kind: str, place: str, seed: int, count: int) -> None:
        def requests(number: int, part: int) -> list[RegisterHousehold]:
            return list(households(number, seed * 10 + part))

        with serving(kind, place) as address:
            single = [each.SerializeToString() for each in requests(count, 1)]
            self.many = drive(address, "RegisterHousehold", single, IN_FLIGHT)
            alone = [each.SerializeToString() for each in requests(count // 10, 2)]
            self.alone = drive(address, "RegisterHousehold", alone, 1)
            each = requests(count, 3)
            batches = [
                RegisterHouseholds(commands=each[at : at + BATCH]).SerializeToString()
                for at in range(0, count, BATCH)
            ]
            self.batch = drive(address, "RegisterHouseholds", batches, BATCHES_IN_FLIGHT)

    @property
    def rate(self) -> float:
        return float(self.many["calls"] / self.many["seconds"])

    @property
    def batch_rate(self) -> float:
        return float(BATCH * self.batch["calls"] / self.batch["seconds"])

    @property
    def p50_us(self) -> float:
        return float(self.alone["p50_s"] * 1e6)


def rows(quick: bool) -> list[dict[str, Any]]:
    """The rows of design.md section 7 about commands."""
    count = 4_000 if quick else 10_000
    rounds: dict[str, list[Round]] = {"bare": [], "sqlite": [], "postgres": []}
    with (
        tempfile.TemporaryDirectory(prefix="bench-commands-") as folder,
        PostgresServer(Path(folder, "postgres")) as server,
    ):
        for turn in range(1 if quick else ROUNDS):
            rounds["bare"].append(Round("bare", "-", 9, count))
            place = Path(folder, f"sqlite-{turn}")
            place.mkdir()
            rounds["sqlite"].append(Round("sqlite", str(place), turn, count))
            names = (f"store{turn}", f"keys{turn}")
            dsns = " ".join(server.create_database(name) for name in names)
            rounds["postgres"].append(Round("postgres", dsns, turn, count))
    return list(_rows(rounds))


def _rows(rounds: dict[str, list[Round]]) -> Iterator[dict[str, Any]]:
    bare_rate = max(each.rate for each in rounds["bare"])
    bare_p50_us = min(each.p50_us for each in rounds["bare"])
    for kind, least, most in (("sqlite", 0.60, 3.0), ("postgres", 0.50, 5.0)):
        name = NAMES[kind]
        rate = max(each.rate for each in rounds[kind])
        yield row(f"commands, {name}, 64 in flight", rate, "1/s", bare_rate, least)
        batch_rate = max(each.batch_rate for each in rounds[kind])
        yield row(f"commands, {name}, batch rpc of 25", batch_rate, "1/s", bare_rate, 2.0)
        p50_us = min(each.p50_us for each in rounds[kind])
        yield row(f"one command alone, p50, {name}", p50_us, "us", bare_p50_us, most)


def row(name: str, value: float, unit: str, against_value: float, target: float) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(value, 1),
        "unit": unit,
        "against": "bare gRPC call",
        "against_value": round(against_value, 1),
        "ratio": round(value / against_value, 3),
        "target": target,
    }


if __name__ == "__main__":
    for each in rows(quick="--quick" in sys.argv):
        print(json.dumps(each, ensure_ascii=False))
