import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from chassis.health import CHECK_TIMEOUT_S, REQUEST_MAX_BYTES, Health


class Service:
    """A health port and how to ask it."""

    def __init__(self, health: Health, port: int) -> None:
        self.health = health
        self.port = port

    async def get(self, path: str, method: str = "GET") -> httpx.Response:
        async with httpx.AsyncClient() as client:
            return await client.request(method, f"http://127.0.0.1:{self.port}{path}")


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    health = Health(metrics=lambda: b"tuopin_events_total 3\n")
    yield Service(health, await health.start())
    await health.stop()


async def fine() -> None:
    return None


async def broken() -> None:
    raise ConnectionRefusedError("canary")


async def test_a_process_that_runs_is_alive(service: Service) -> None:
    service.health.checks["store"] = broken
    answer = await service.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_it_is_ready_when_every_check_passes(service: Service) -> None:
    service.health.checks |= {"store": fine, "views": fine}
    answer = await service.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"store": "ok", "views": "ok"})


async def test_a_failed_check_is_named_by_the_kind_of_its_fault(service: Service) -> None:
    service.health.checks |= {"store": broken, "views": fine}
    answer = await service.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"store": "ConnectionRefusedError", "views": "ok"}


async def test_a_check_that_hangs_is_cut_off(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.health.CHECK_TIMEOUT_S", CHECK_TIMEOUT_S / 20)
    service.health.checks["store"] = lambda: asyncio.sleep(60)
    answer = await service.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"store": "TimeoutError"})


async def test_a_process_that_stops_is_no_longer_ready(service: Service) -> None:
    service.health.accepting = False
    assert (await service.get("/readyz")).status_code == 503
    assert (await service.get("/healthz")).status_code == 200


async def test_metrics_are_served_as_text(service: Service) -> None:
    answer = await service.get("/metrics?name=x")
    assert answer.text == "tuopin_events_total 3\n"
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


async def test_other_paths_and_methods_are_refused(service: Service) -> None:
    assert (await service.get("/")).status_code == 404
    assert (await service.get("/healthz", "POST")).status_code == 405


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01", b"x" * (2 * REQUEST_MAX_BYTES)])
async def test_a_caller_that_talks_no_http_is_let_go(service: Service, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(sent)
    writer.write_eof()
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    assert (await service.get("/healthz")).status_code == 200
