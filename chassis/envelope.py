"""The envelope of an event: as stored bytes, as a message, and as CloudEvents headers on Kafka."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache

from google.protobuf import message_factory
from google.protobuf.descriptor_pool import Default as DefaultPool
from google.protobuf.message import Message

from tuopin.envelope.v1.envelope_pb2 import Envelope

CONTENT_TYPE = b"application/protobuf"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Header name -> envelope field; attribute names of CloudEvents are lower-case alphanumerics only.
_TEXTS = {
    "ce_id": "id",
    "ce_type": "type",
    "ce_subject": "stream",
    "ce_topic": "topic",
    "ce_effectiveon": "effective_on",
    "ce_actor": "actor",
    "ce_onbehalfof": "on_behalf_of",
    "ce_commandid": "command_id",
    "ce_causedby": "caused_by",
    "ce_traceparent": "traceparent",
    "ce_programme": "programme",
}
_NUMBERS = {
    "ce_streamversion": "version",
    "ce_lane": "partition",
    "ce_position": "position",
    "ce_recordedatus": "recorded_at_us",
}


def parse(record: bytes) -> Envelope:
    """The envelope of stored bytes."""
    return Envelope.FromString(record)


def record_of(envelope: Envelope) -> bytes:
    """The bytes that the lane's hash chain covers."""
    return envelope.SerializeToString(deterministic=True)


@cache
def _class_of(full_name: str) -> type[Message]:
    return message_factory.GetMessageClass(DefaultPool().FindMessageTypeByName(full_name))


def event_of(envelope: Envelope) -> Message:
    """The event itself, personal fields still sealed."""
    return _class_of(envelope.type).FromString(envelope.data)


def to_headers(envelope: Envelope) -> list[tuple[str, bytes]]:
    """CloudEvents binary mode: everything but the data; the value is envelope.data."""
    headers = [("content-type", CONTENT_TYPE), ("ce_specversion", b"1.0")]
    headers.append(("ce_source", b"/tuopin/" + envelope.topic.encode()))
    headers.append(("ce_time", _time(envelope.recorded_at_us)))
    for name, field in _TEXTS.items():
        text = getattr(envelope, field)
        if text:
            headers.append((name, text.encode()))
    for name, field in _NUMBERS.items():
        headers.append((name, b"%d" % getattr(envelope, field)))
    return headers


def from_headers(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Envelope:
    """The envelope again, byte for byte: headers that others added do not matter."""
    envelope = Envelope(data=value or b"")
    for name, content in headers:
        field = _TEXTS.get(name)
        if field is not None:
            setattr(envelope, field, content.decode())
            continue
        field = _NUMBERS.get(name)
        if field is not None:
            setattr(envelope, field, int(content))
    return envelope


@lru_cache(maxsize=1024)
def _second(seconds: int) -> bytes:
    """The relay formats many events of the same second."""
    moment = _EPOCH + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S").encode()


def _time(recorded_at_us: int) -> bytes:
    """RFC 3339 with microseconds; integers all the way, so nothing is rounded."""
    seconds, microseconds = divmod(recorded_at_us, 1_000_000)
    return b"%b.%06dZ" % (_second(seconds), microseconds)
