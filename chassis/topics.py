"""The open topics on Kafka: created with settings that keep everything, and refused when weaker.

A topic's number of lanes is fixed when it is born; a broker's topic with another number of
partitions would send a stream's events to two lanes, so nothing starts on it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import stamina
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NotCoordinatorError,
    TopicAlreadyExistsError,
)
from kafka.structs import TopicPartition

from chassis.lanes import LANES_PER_TOPIC

PREFIX = "tuopin."

# Events are never deleted: no other service can read a store, so the topic is their archive.
SETTINGS: Mapping[str, str] = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    # An event of a large household or import report is well below this; a relay must never be stuck
    # behind one that its broker refuses.
    "max.message.bytes": "8388608",
    # A record's timestamp is when the store recorded the event. A store whose clock ran ahead must
    # not stop its relay: brokers refuse what lies more than an hour ahead of their own clock.
    "message.timestamp.after.max.ms": "9223372036854775807",
}

_REQUEST_TIMEOUT_MS = 30_000
# A broker that is still taking the group over says that it is not the one.
_COORDINATOR_COMING = (
    CoordinatorNotAvailableError,
    CoordinatorLoadInProgressError,
    NotCoordinatorError,
)


class TopicRefused(Exception):
    """A topic does not keep what its lanes promise; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a consumer group's committed hint is behind one partition's end."""

    topic: str
    partition: int
    end_offset: int
    committed_offset: int

    @property
    def records(self) -> int:
        return self.end_offset - self.committed_offset


def kafka_topic(topic: str, prefix: str = PREFIX) -> str:
    """The broker's name of a topic: "household" -> "tuopin.household"."""
    return f"{prefix}{topic}"


def ensure_topics(
    bootstrap: str, topics: Iterable[str], *, prefix: str = PREFIX, replicas: int = 1
) -> None:
    """Create what is missing, then read every topic back; raises TopicRefused on a weaker one."""
    names = [kafka_topic(topic, prefix) for topic in topics]
    admin = _admin(bootstrap)
    try:
        known = set(admin.list_topics())
        missing = [name for name in names if name not in known]
        if missing:
            _create(admin, missing, replicas)
        _verify(admin, names)
    finally:
        admin.close()


def lags(bootstrap: str, group: str, topics: Iterable[str], *, prefix: str = PREFIX) -> list[Lag]:
    """Lags of a group. For people who look: the truth of a view is its own checkpoint."""
    admin = _admin(bootstrap)
    try:
        partitions = [
            TopicPartition(kafka_topic(topic, prefix), partition)
            for topic in topics
            for partition in range(LANES_PER_TOPIC)
        ]
        # A new broker's first question about a group creates the topic of the answers.
        for attempt in stamina.retry_context(on=_COORDINATOR_COMING, attempts=20):
            with attempt:
                committed = admin.list_group_offsets({group: partitions})[group]
        ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    finally:
        admin.close()
    return [
        Lag(
            topic=at.topic.removeprefix(prefix),
            partition=at.partition,
            end_offset=ends[at].offset,
            # -1: the group has committed nothing there yet.
            committed_offset=max(committed[at].offset, 0) if at in committed else 0,
        )
        for at in partitions
    ]


def _admin(bootstrap: str) -> KafkaAdminClient:
    return KafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=_REQUEST_TIMEOUT_MS)


def _create(admin: KafkaAdminClient, names: list[str], replicas: int) -> None:
    wanted = {
        name: {
            "num_partitions": LANES_PER_TOPIC,
            "replication_factor": replicas,
            "configs": dict(SETTINGS),
        }
        for name in names
    }
    try:
        admin.create_topics(wanted, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        # Another worker of the same start was faster; what it made is verified below.
        admin.wait_for_topics(names)


def _verify(admin: KafkaAdminClient, names: list[str]) -> None:
    for found in admin.describe_topics(names):
        count = len(found["partitions"])
        if count != LANES_PER_TOPIC:
            raise TopicRefused(
                f"topic {found['name']} has {count} partitions, its lanes are {LANES_PER_TOPIC}: "
                "move it aside and let the relay fill a new one"
            )
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, None) for name in names]
    configs: dict[str, dict[str, Any]] = admin.describe_configs(resources, config_filter="all")[
        "topic"
    ]
    for name, settings in configs.items():
        for setting, wanted in SETTINGS.items():
            value = settings[setting]["value"]
            if value != wanted:
                raise TopicRefused(
                    f"topic {name} has {setting}={value}, events are kept only with {wanted}: run "
                    f"kafka-configs --alter --topic {name} --add-config {setting}={wanted}"
                )
