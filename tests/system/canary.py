"""Puts canaries into every door and looks for them wherever nothing personal may be.

`python -m tests.system.canary FOLDER [--forget FIELD]` prints what was found as JSON lines and
exits 1 when there is any; with --forget the `personal` option of one field counts as removed.
"""

import argparse
import asyncio
import base64
import io
import json
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

# What each canary is; none of the numbers can be anybody's: no region begins with 99.
CANARIES = {
    "imported name": "金丝雀甲某",
    "imported identity number": "99012319790203451",
    "imported phone": "00055512341",
    "imported bank card": "0000777123412341",
    "imported address": "金丝雀路七十七号",
    "name": "金丝雀乙某",
    "identity number": "99012319790203452",
    "phone": "00055512342",
    "bank card": "0000777123412342",
    "address": "金丝雀巷八十八号",
    "cadre's name": "金丝雀丙某",
    "cadre's phone": "00055512343",
    "witness": "金丝雀见证丁某",
    "reason": "金丝雀理由戊某",
    "note": "金丝雀走访己某",
    "latitude": "283741239",
    "longitude": "1094712397",
}
# The provider's own files hold what the persons themselves typed there: no business of ours, and
# not to be sealed by us. What the bot sent is looked at message by message.
PROVIDER = "chat"


@dataclass
class Found:
    """Canaries, and the places where they should not be."""

    places: list[tuple[str, str]] = field(default_factory=list)

    def look(self, where: str, data: bytes) -> None:
        for name, forms in FORMS.items():
            if any(form in data for form in forms):
                self.places.append((name, where))


def forms_of(text: str) -> Iterator[bytes]:
    """The text as it may lie somewhere: plain, escaped, in hex or base64 at any alignment."""
    plain = text.encode()
    for data in (plain, text.encode("utf-16-le"), text.encode("gb18030")):
        yield data
        yield data.hex().encode()
        yield data.hex().upper().encode()
        for shift in range(3):
            # Without the characters that also depend on the neighbours.
            first = (shift * 8 + 5) // 6
            last = (shift + len(data)) * 8 // 6
            coded = base64.b64encode(bytes(shift) + data + bytes(3))[first:last]
            yield coded
            yield coded.replace(b"+", b"-").replace(b"/", b"_")
    escaped = json.dumps(text)[1:-1]
    yield escaped.encode()
    yield escaped.upper().replace("\\U", "\\u").encode()
    # As protobuf's text format and Python's repr of bytes write it.
    yield "".join(f"\\{byte:03o}" for byte in plain).encode()
    yield repr(plain)[2:-1].encode()


FORMS = {name: tuple(set(forms_of(text))) for name, text in CANARIES.items()}


# --- into every door


def whole(identity_number: str) -> str:
    """With its check digit."""
    from services.registry.decider.identity import check_digit

    return identity_number + check_digit(identity_number)


def enter(work: Any, folder: Path, all_doors: bool) -> None:
    """Import, single registration, cadre, consent, chat and exit, each with canaries of its own."""
    from tests.system import canary_doors as doors

    work.prepare()
    doors.import_household(work, folder)
    household_id = doors.register(work)
    if all_doors:
        doors.appoint(work)
        doors.live_with_a_task(work, household_id)
        doors.ask_for_a_fault(work)


# --- and looked for


def look_at_files(found: Found, data: Path) -> int:
    """Every file below the data folder but the provider's own; how many bytes that were."""
    count = 0
    for path in sorted(data.rglob("*")):
        place = path.relative_to(data)
        if not path.is_file() or place.parts[0] == PROVIDER:
            continue
        content = path.read_bytes()
        count += len(content)
        found.look(f"file {place}", content)
    return count


def look_at_spans(found: Found, exporter: InMemorySpanExporter) -> int:
    spans = exporter.get_finished_spans()
    for each in spans:
        found.look(f"span {each.name}", each.to_json().encode())
    return len(spans)


def look_at_chat(found: Found, work: Any) -> int:
    """Every message that the bot sent, its buttons too."""
    from tests.drills.workload import FIRST_PERSON

    messages = work.act(lambda: work.chat.messages(FIRST_PERSON))
    sent = [each for each in messages if each["from"]["is_bot"]]
    for each in sent:
        found.look(f"chat message {each['message_id']}", json.dumps(each).encode())
    return len(sent)


def look_at_kafka(found: Found, bootstrap: str, prefix: str, topics: list[str]) -> int:
    """Every record: key, headers and value as bytes, and the event decoded."""
    from chassis.envelope import event_of, from_headers
    from tests.kafka.brokers import delivered

    count = 0
    for topic in topics:
        for lane in delivered(bootstrap, prefix, topic).values():
            for envelope in lane:
                count += 1
                where = f"record {envelope.id}"
                found.look(where, envelope.SerializeToString())
                found.look(where, f"{envelope}{event_of(envelope)}".encode())
    _ = from_headers
    return count


@dataclass
class Report:
    """What was found, and how much was looked at: nothing found in nothing proves nothing."""

    found: Found
    looked_at: dict[str, int]


async def check(
    folder: Path, *, kafka: str = "", prefix: str = "", all_doors: bool = True
) -> Report:
    """Run the system, put the canaries in, look everywhere."""
    from chassis import logging as logs
    from chassis.telemetry import recorded
    from tests.system.inprocess import running

    said = io.StringIO()
    found, looked = Found(), {}
    data = folder / "data"
    with redirect_stderr(said), recorded() as exporter:
        logs.configure("canary", "debug", said)
        async with running(data, kafka=kafka, prefix=prefix) as system:
            work = await asyncio.to_thread(system.workload)
            try:
                await asyncio.to_thread(enter, work, folder, all_doors)
                # With the system running: write-ahead logs are as they are in operation.
                looked["file bytes"] = await asyncio.to_thread(look_at_files, found, data)
                looked["chat messages"] = await asyncio.to_thread(look_at_chat, found, work)
                topics = [t for each in system.system.services.values() for t in each.topics]
            finally:
                await asyncio.to_thread(work.close)
        if kafka:
            looked["records"] = await asyncio.to_thread(look_at_kafka, found, kafka, prefix, topics)
        look_at_files(found, data)
        looked["spans"] = look_at_spans(found, exporter)
    looked["log lines"] = said.getvalue().count("\n")
    found.look("log", said.getvalue().encode())
    return Report(found, looked)


def forget_personal(full_name: str) -> None:
    """From now on the field counts as one without the option `personal`."""
    from chassis import fields

    known = fields.personal_of

    def personal_of(each: Any) -> str:
        return "" if each.full_name == full_name else known(each)

    fields.personal_of = personal_of
    readers = {"chassis.personal", "chassis.sealing", "chassis.reads"}
    assert not readers & set(sys.modules), "must come before the option is read"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.system.canary", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--forget", default="", help="full name of a field")
    chosen = parser.parse_args()
    if chosen.forget:
        forget_personal(chosen.forget)
    # The doors of the registry are enough for a test of the check itself.
    report = asyncio.run(check(chosen.folder, all_doors=not chosen.forget))
    for name, where in report.found.places:
        print(json.dumps({"canary": name, "where": where}))
    return 1 if report.found.places else 0


if __name__ == "__main__":
    sys.exit(main())
