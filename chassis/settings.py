"""What a process is told from outside: TUOPIN_* variables, each named, typed and documented here.

`python -m chassis.settings` prints the table of docs/settings.md.
"""

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

PREFIX = "TUOPIN_"
KEY_BYTES = 32
PROGRAMME_FOLDER = Path(__file__).resolve().parent.parent / "programme"
# For whatever must run at any hour of any day: every day is worked, nobody sleeps.
DEMO_OVERLAY = PROGRAMME_FOLDER / "demo"


class SettingInvalid(Exception):
    """A variable cannot be used; the text names it, what it holds (unless secret) and what may."""


def _words(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return text

    return read


def _number(read: Callable[[str], Any], least: float, most: float) -> Callable[[str], Any]:
    def within(text: str) -> Any:
        try:
            value = read(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise ValueError(f"a number from {least} to {most}")
        return value

    return within


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not host or not colon or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError("host:port")
    return text


def _setting(
    default: Any, meaning: str, read: Callable[[str], Any] = str, *, secret: bool = False
) -> Any:
    metadata = {"meaning": meaning, "read": read, "secret": secret}
    return field(default=default, repr=not secret, metadata=metadata)


_PORT = _number(int, 0, 65535)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One process's settings; the default runs everything on one machine without a server."""

    data: Path = _setting(  # noqa: RUF009 - gives a field
        Path(".data/embedded"), "Folder of event stores, views, keys and blobs.", Path
    )
    programme: Path = _setting(  # noqa: RUF009 - gives a field
        PROGRAMME_FOLDER, "Folder of the programme data.", Path
    )
    programme_overlay: str = _setting(
        "", "Folder whose tables take the place of those of the same name; empty: none."
    )
    engine: str = _setting(
        "sqlite",
        "Database of stores, views and keys: sqlite or postgres.",
        _words("sqlite", "postgres"),
    )
    postgres_dsn: str = _setting(
        "",
        "DSN of PostgreSQL, with {name} where the database's name goes: a service's, or keys.",
        secret=True,
    )
    kafka_bootstrap: str = _setting(
        "", "host:port of Apache Kafka; empty: views follow the stores in process."
    )
    topic_prefix: str = _setting("tuopin.", "What every Kafka topic's name begins with.")
    worker_id: str = _setting(
        "1", "Stable name of this worker among those of its service (Kafka group instance)."
    )

    registry_address: str = _setting("127.0.0.1:50051", "gRPC address of registry.", _address)
    planning_address: str = _setting("127.0.0.1:50052", "gRPC address of planning.", _address)
    funding_address: str = _setting("127.0.0.1:50053", "gRPC address of funding.", _address)
    training_address: str = _setting("127.0.0.1:50054", "gRPC address of training.", _address)
    notifier_address: str = _setting("127.0.0.1:50055", "gRPC address of notifier.", _address)
    bind: str = _setting("127.0.0.1", "Host that the ports of this process listen on.")
    health_port: int = _setting(
        0, "Port of /healthz, /readyz and /metrics; 0: any free one, printed at start.", _PORT
    )
    drain_s: float = _setting(
        5.0, "How long running calls may finish after a stop signal.", _number(float, 0, 300)
    )

    master_key_file: str = _setting(
        "", "File with the key that wraps persons' keys, 64 hex digits; empty: master.key in data."
    )
    token_key_file: str = _setting(
        "", "File with the key that signs tokens; empty: token.key in data."
    )
    token: str = _setting("", "Token of the command line's user.", secret=True)
    language: str = _setting("zh", "Language of the command line: zh or en.", _words("zh", "en"))

    telegram_token: str = _setting(
        "", "Bot token; empty: the local chat in place of Telegram.", secret=True
    )
    telegram_base_url: str = _setting(
        "", "Bot API that is not Telegram's own, e.g. http://127.0.0.1:8081/bot."
    )
    chat_port: int = _setting(8081, "Port of the local chat's Bot API and page.", _PORT)
    page_port: int = _setting(8082, "Port of the households' own page; 0: there is none.", _PORT)
    page_url: str = _setting(
        "", "Address at which households reach their page; empty: http://127.0.0.1 and the port."
    )

    webhook_url: str = _setting(
        "", "Address at which the chat provider calls the bot; empty: the bot asks for updates."
    )
    webhook_port: int = _setting(8083, "Port that the bot listens on for these calls.", _PORT)

    log_level: str = _setting(
        "info", "Least level of log lines.", _words("debug", "info", "warning", "error")
    )
    otlp_endpoint: str = _setting(
        "", "OpenTelemetry collector (OTLP over HTTP), e.g. http://127.0.0.1:4318; empty: none."
    )
    trace_ratio: float = _setting(
        0.01, "Share of traces that are recorded, 0 to 1.", _number(float, 0, 1)
    )

    ready_file: str = _setting("", "File that is written when the process is ready to work.")
    clock_offset_file: str = _setting(
        "", "Demos only: file with the seconds by which this process's clock is ahead."
    )
    failpoints: str = _setting(
        "", "Drills only: where the process kills itself, e.g. store.before-commit:3=kill."
    )
    failpoint_log: str = _setting("", "Drills only: file that proves which failpoint was hit.")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read TUOPIN_*; a misspelt or unusable variable stops the start and is named."""
        known = {name_of(each): each for each in fields(cls)}
        given: dict[str, Any] = {}
        for name, text in environ.items():
            if not name.startswith(PREFIX):
                continue
            if name not in known:
                raise SettingInvalid(f"{name} is no setting; docs/settings.md lists them")
            # An empty variable is how many tools write "not set".
            if text:
                given[known[name].name] = _value(name, known[name], text)
        settings = cls(**given)
        if settings.engine == "postgres" and "{name}" not in settings.postgres_dsn:
            raise SettingInvalid(
                f"{PREFIX}POSTGRES_DSN is needed with {PREFIX}ENGINE=postgres, with {{name}} in it"
            )
        return settings

    def address_of(self, service: str) -> str:
        """host:port of a service's gRPC port."""
        return str(getattr(self, f"{service}_address"))

    @property
    def page_address(self) -> str:
        """What a link to the households' page begins with; "" without one."""
        if not self.page_port:
            return ""
        return self.page_url.rstrip("/") or f"http://127.0.0.1:{self.page_port}"

    def dsn_of(self, name: str) -> str:
        """DSN of the database of a service, or of "keys"."""
        return self.postgres_dsn.replace("{name}", name)

    def master_key(self, *, create: bool = False) -> bytes:
        """The key that wraps all others."""
        path = Path(self.master_key_file) if self.master_key_file else self.data / "master.key"
        return read_key(path, create=create)

    def token_key_path(self) -> Path:
        """File of the key that signs tokens."""
        return Path(self.token_key_file) if self.token_key_file else self.data / "token.key"


def _value(name: str, each: "Field[Any]", text: str) -> Any:
    try:
        return each.metadata["read"](text)
    except ValueError as error:
        shown = "that" if each.metadata["secret"] else repr(text)
        raise SettingInvalid(f"{name} cannot be {shown}: it takes {error}") from None


def name_of(each: "Field[Any]") -> str:
    """The variable of a setting."""
    return PREFIX + each.name.upper()


def read_key(path: Path, *, create: bool = False) -> bytes:
    """A key file of 64 hex digits; with `create`, a new one, readable by its owner only."""
    if create:
        _create_key(path)
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        raise SettingInvalid(f"the key file {path} is not there") from None
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingInvalid(f"the key file {path} does not hold {2 * KEY_BYTES} hex digits")
    return key


def _create_key(path: Path) -> None:
    """Written aside and linked: whoever comes first wins, and nobody reads half a key."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, f"{secrets.token_hex(KEY_BYTES)}\n".encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(aside, path)
    except FileExistsError:  # another process made it a moment ago
        return
    finally:
        aside.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def table() -> str:
    """The settings as the Markdown table of docs/settings.md."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for each in fields(Settings):
        default = "programme/ of this tree" if each.default == PROGRAMME_FOLDER else each.default
        shown = f"`{default}`" if str(default) else ""
        rows.append(f"| `{name_of(each)}` | {shown} | {each.metadata['meaning']} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
