"""JSON log lines that cannot hold personal data: what is not known to be harmless is withheld.

Write `log = structlog.get_logger(__name__)` and `log.info("batch.applied", topic=..., count=...)`:
a constant event, numbers under any name, texts under the names of TEXT_NAMES.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import structlog
from google.protobuf.message import Message
from opentelemetry import trace

from chassis.fields import SEALED

WITHHELD = "[withheld]"
TEXT_MAX_LEN = 500
FRAMES_MAX = 12

# Names under which a text may be logged: ids, codes and places, never what a person is called.
TEXT_NAMES = frozenset(
    {
        "action",
        "actor",
        "again",
        "alarm",
        "assignment_id",
        "cadre_id",
        # Full name of a message.
        "command",
        "command_id",
        "command_type",
        "consumer",
        "edition",
        "engine",
        "error",
        "event_id",
        "event_type",
        "failpoint",
        "group",
        "import_id",
        "key",
        "kind",
        "lane",
        "level",
        "logger",
        "message_id",
        "method",
        "noun",
        "outcome",
        "phase",
        "places",
        "reaction",
        # Class of an error, or a code.
        "reason",
        "region_id",
        "role",
        "sentence",
        "service",
        "sha256",
        "signal",
        "slug",
        "span_id",
        "state",
        "status",
        "step",
        "stopped",
        "stream",
        "timer",
        "timestamp",
        "topic",
        "trace_id",
        "url",
        "view",
        "where",
    }
)
# Libraries that never see clear personal data; their whole sentences are worth reading.
TRUSTED_LOGGERS = ("aiokafka.", "faust.", "kafka.", "mode.", "uvicorn.error.")
# Our own constant sentences, values in `extra` (a test reads every call).
OWN_LOGGERS = ("chassis.", "devtools.", "localchat.", "services.")
# httpx names every URL, and the chat provider's URLs hold the bot's token.
SILENCED_LOGGERS = ("httpx", "httpcore", "hpack", "uvicorn.access", "urllib3")

# Last net, under every text: numbers of persons, phones and cards, sealed values, tokens.
# A village's code has 12 digits and stays.
_NUMBER = re.compile(
    r"(?<![0-9A-Za-z-])(?:\+[0-9]{7,15}|1[0-9]{10}|[0-9]{13,19}X?)(?![0-9A-Za-z-])"
)
_SECRETS = re.compile(
    rf"{re.escape(SEALED)}[\w=-]+"  # sealed: harmless, but noise
    r"|bot[0-9]{5,}:[\w-]{20,}"  # bot token in a URL
    r"|\b[0-9]{5,}:[\w-]{30,}"  # bot token
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]+"  # JWT
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # password in a DSN
)


def scrub(text: str) -> str:
    """The text without what looks like a person's number or a secret, one line, bounded."""
    text = _NUMBER.sub(WITHHELD, _SECRETS.sub(WITHHELD, text))
    text = " ".join(text.split("\n"))
    return text if len(text) <= TEXT_MAX_LEN else f"{text[:TEXT_MAX_LEN]}…"


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The processor before the renderer: every value harmless, or withheld."""
    for name, value in event.items():
        if name == "event":
            event[name] = scrub(str(value))
        elif name == "exception":
            continue  # written by _exception below
        else:
            event[name] = _harmless(name, value)
    return event


def _harmless(name: str, value: object) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, BaseException):
        # Its message may quote what a person wrote.
        return type(value).__name__
    if isinstance(value, Message):
        return value.DESCRIPTOR.full_name
    if isinstance(value, (str, Path)):
        return scrub(str(value)) if name in TEXT_NAMES else WITHHELD
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_harmless(name, each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): _harmless(str(key), each) for key, each in value.items()}
    return type(value).__name__


def _exception(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Type and places of an exception and its causes; never the messages."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()[1]
    elif isinstance(info, tuple):
        info = info[1]
    if isinstance(info, BaseException):
        event["exception"] = described(info)
    return event


def described(error: BaseException) -> list[str]:
    """ "ValueError at chassis/keys.py:12 < ...", innermost cause last."""
    lines: list[str] = []
    current: BaseException | None = error
    while current is not None and len(lines) < FRAMES_MAX:
        lines.append(f"{type(current).__name__} at {_places(current.__traceback__)}")
        current = current.__cause__ or (
            None if current.__suppress_context__ else current.__context__
        )
    return lines


def _places(traceback: TracebackType | None) -> str:
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        parts = Path(code.co_filename).parts[-2:]
        places.append(f"{'/'.join(parts)}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return " < ".join(reversed(places[-FRAMES_MAX:]))


def _foreign(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A library's line: whole where the library is trusted, else its template without values."""
    record: logging.LogRecord = event["_record"]
    arguments = event.pop("positional_args", ())
    name = f"{record.name}."
    if name.startswith(TRUSTED_LOGGERS):
        return event
    # A text that was put together before it came here may hold anything; its place says which.
    constant = bool(arguments) or name.startswith(OWN_LOGGERS)
    event["event"] = str(record.msg).split("\n")[0] if constant else WITHHELD
    event["where"] = f"{record.module}:{record.lineno}"
    return event


def _trace(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = f"{span.trace_id:032x}"
        event["span_id"] = f"{span.span_id:016x}"
    return event


def configure(service: str, level: str = "info", stream: IO[str] | None = None) -> None:
    """Every line of this process, ours and libraries', as one JSON object on standard error."""

    def named(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("service", service)
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        named,
        _trace,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        pass_foreign_args=True,
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared, _foreign],
        processors=[
            _exception,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            redact,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in SILENCED_LOGGERS:
        silenced = logging.getLogger(name)
        silenced.setLevel(logging.CRITICAL)
        silenced.propagate = False
        silenced.handlers[:] = [logging.NullHandler()]
    logging.captureWarnings(True)
    # A fault in logging itself must not print the line that could not be written.
    logging.raiseExceptions = False
