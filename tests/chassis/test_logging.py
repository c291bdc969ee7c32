import ast
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from chassis import logging as ours
from chassis.fields import SEALED
from chassis.telemetry import recorded, span
from tuopin.registry.v1.household_pb2 import Member

ROOT = Path(__file__).parents[2]
NAME = "金丝雀"
NUMBER = "43312419800101001X"
METHODS = {"debug", "info", "warning", "error", "exception", "critical"}


@pytest.fixture
def lines() -> Iterator[Any]:
    """Everything logged inside the test, parsed."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = (root.handlers[:], root.level, structlog.get_config())
    ours.configure("registry", "debug", stream)

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    yield read
    root.handlers[:], level, config = before
    root.setLevel(level)
    structlog.configure(**config)
    logging.captureWarnings(False)
    logging.raiseExceptions = True


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def test_a_line_names_service_event_and_values(lines: Any) -> None:
    structlog.get_logger("chassis.relay").info("batch.sent", topic="household", count=3)
    (line,) = lines()
    assert line["event"] == "batch.sent"
    assert (line["topic"], line["count"]) == ("household", 3)
    assert (line["service"], line["level"], line["logger"]) == ("registry", "info", "chassis.relay")
    assert line["timestamp"].endswith("Z")


def test_what_the_runbook_tells_an_operator_to_read_is_there(lines: Any) -> None:
    told = {"step": "intake", "reason": "ProviderAway", "command": "tuopin.x", "outcome": "Blocked"}
    structlog.get_logger("t").warning("bot.step-failed", **told)
    (line,) = lines()
    assert {name: line[name] for name in told} == told


def test_a_text_under_an_unknown_name_is_withheld(lines: Any) -> None:
    structlog.get_logger().info("x", full_name=NAME, members=[NAME], nested={"name": NAME})
    (line,) = lines()
    assert line["full_name"] == ours.WITHHELD
    assert NAME not in json.dumps(line, ensure_ascii=False)


def test_a_message_and_an_exception_leave_their_types_only(lines: Any) -> None:
    structlog.get_logger().info("x", error=ValueError(NAME), state=Member(name=NAME))
    (line,) = lines()
    assert (line["error"], line["state"]) == ("ValueError", "tuopin.registry.v1.Member")


@pytest.mark.parametrize(
    "secret",
    [
        NUMBER,
        "13800000000",
        "+8613800000000",
        "6217000000000000000",
        f"{SEALED}QUJDREVG-_==",
        "https://api.telegram.org/bot123456:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc/getMe",
        "eyJhbGciOi.eyJzdWIiOiJ4.c2lnbmF0dXJl",
        "postgresql://tuopin:hunter22@db/x",
    ],
)
def test_numbers_of_persons_and_secrets_are_withheld_in_any_text(lines: Any, secret: str) -> None:
    structlog.get_logger().info(f"saw {secret}", key=f"a {secret} b")
    (line,) = lines()
    kept = ("postgresql://", "https://api.telegram.org/")
    assert secret not in json.dumps(line)
    assert ours.WITHHELD in line["key"]
    assert all(part not in line["event"] for part in (NUMBER, "hunter22", "AAEh"))
    assert kept


def test_ids_and_codes_stay_readable(lines: Any) -> None:
    stream = "household-0190a5c0-7e8c-5b0a-9d7e-123456789012"
    structlog.get_logger().info("x", stream=stream, region_id="433124100201")
    (line,) = lines()
    assert (line["stream"], line["region_id"]) == (stream, "433124100201")


def test_an_exception_is_described_by_types_and_places(lines: Any) -> None:
    try:
        try:
            raise KeyError(NAME)
        except KeyError as error:
            raise ValueError(NAME) from error
    except ValueError:
        structlog.get_logger().exception("went.wrong")
        logging.getLogger("grpc").exception("raised by %s", NAME)
    for line in lines():
        assert NAME not in json.dumps(line, ensure_ascii=False)
        assert line["exception"][0].startswith("ValueError at chassis/test_logging.py:")
        assert line["exception"][1].startswith("KeyError at chassis/test_logging.py:")


def test_a_librarys_values_are_withheld_unless_it_is_trusted(lines: Any) -> None:
    logging.getLogger("sqlalchemy").warning("row %s is odd", NAME)
    logging.getLogger("sqlalchemy").warning(f"row {NAME} is odd")
    logging.getLogger("aiokafka.consumer").warning("lost %s", "127.0.0.1:9092")
    template, ready_made, trusted = lines()
    assert (template["event"], ready_made["event"]) == ("row %s is odd", ours.WITHHELD)
    assert template["where"].startswith("test_logging:")
    assert trusted["event"] == "lost 127.0.0.1:9092"


def test_our_own_standard_lines_keep_event_and_extras(lines: Any) -> None:
    logging.getLogger("chassis.server").error(
        "unexpected fault", extra={"method": "m", "full_name": NAME, "places": ["a.py:1 f"]}
    )
    (line,) = lines()
    assert (line["event"], line["method"], line["places"]) == (
        "unexpected fault",
        "m",
        ["a.py:1 f"],
    )
    assert line["full_name"] == ours.WITHHELD


def test_httpx_whose_urls_hold_the_bot_token_is_silent(lines: Any) -> None:
    logging.getLogger("httpx").error("HTTP Request: POST %s", "https://api/bot1:x/getMe")
    logging.getLogger("httpcore.connection").error("x")
    assert lines() == []


def test_a_line_inside_a_span_names_the_trace(lines: Any) -> None:
    with recorded() as exporter, span("work"):
        structlog.get_logger().info("x")
    (line,) = lines()
    (finished,) = exporter.get_finished_spans()
    assert finished.context is not None
    assert line["trace_id"] == f"{finished.context.trace_id:032x}"


def test_a_context_variable_is_on_every_line_and_is_redacted(lines: Any) -> None:
    with structlog.contextvars.bound_contextvars(command_id="c1", whose=NAME):
        structlog.get_logger().info("x")
    (line,) = lines()
    assert (line["command_id"], line["whose"]) == ("c1", ours.WITHHELD)


def test_a_cause_chain_that_is_endless_is_cut() -> None:
    error: Exception = ValueError()
    for _ in range(50):
        following = ValueError()
        following.__cause__ = error
        error = following
    assert len(ours.described(error)) == ours.FRAMES_MAX


def log_calls() -> Iterator[tuple[str, ast.Call]]:
    for folder in ("chassis", "services", "localchat", "devtools"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in METHODS
                    and getattr(node.func.value, "id", "") in {"log", "_log", "logger", "_logger"}
                ):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_every_log_call_of_ours_has_a_constant_event() -> None:
    calls = list(log_calls())
    assert calls
    wrong = [
        place
        for place, call in calls
        if not call.args
        or len(call.args) > 1
        or not isinstance(call.args[0], ast.Constant)
        or not isinstance(call.args[0].value, str)
    ]
    assert wrong == []
