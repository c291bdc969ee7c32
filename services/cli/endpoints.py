"""Where the services are and who we are: a file beside the data, the environment over it."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

SERVICES = ("registry", "planning", "funding", "training", "notifier")
DEFAULT_DATA = Path(".data/embedded")


@dataclass(frozen=True)
class Endpoints:
    """What `tuopin run` writes to endpoints.json for clients on the same machine."""

    # Service name -> host:port of its gRPC port.
    services: dict[str, str]
    # File with the key that signs tokens; readable only by whoever started the system.
    token_key_file: str = ""
    # Address of the chat page; empty with Telegram.
    chat_url: str = ""
    health_urls: tuple[str, ...] = ()


def data_folder() -> Path:
    """TUOPIN_DATA, or the embedded default."""
    return Path(os.environ.get("TUOPIN_DATA", str(DEFAULT_DATA)))


def write(folder: Path, endpoints: Endpoints) -> None:
    """Replace endpoints.json in one step, so that a reader sees the old or the new one."""
    fresh = folder / "endpoints.json.new"
    fresh.write_text(json.dumps(asdict(endpoints), indent=2) + "\n", encoding="utf-8")
    fresh.replace(folder / "endpoints.json")


def read(folder: Path | None = None) -> Endpoints:
    """The endpoints of the system of a folder, or else of the environment. FileNotFoundError says
    that none was started there.
    """
    path = (folder or data_folder()) / "endpoints.json"
    known: dict[str, str] = {}
    extras: dict[str, object] = {}
    if path.exists():
        stored = json.loads(path.read_text(encoding="utf-8"))
        known, extras = stored["services"], stored
    for service in SERVICES if folder is None else ():
        address = os.environ.get(f"TUOPIN_{service.upper()}_ADDRESS")
        if address:
            known[service] = address
    if not known:
        raise FileNotFoundError(path)
    return Endpoints(
        services=known,
        token_key_file=str(extras.get("token_key_file", "")),
        chat_url=str(extras.get("chat_url", "")),
        health_urls=tuple(str(url) for url in extras.get("health_urls", ())),  # type: ignore[attr-defined]
    )
