"""Topics are born with twelve lanes and keep everything; weaker ones are refused by name."""

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from chassis.lanes import LANES_PER_TOPIC
from chassis.topics import TopicRefused, ensure_topics, lags
from tests.kafka.brokers import produce, until
from tests.kafka.rig import TOPIC, envelopes


def test_a_topic_is_created_once_and_accepted_afterwards(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    ensure_topics(kafka_bootstrap, ["plan", "fund"], prefix=topic_prefix)
    ensure_topics(kafka_bootstrap, ["plan", "fund", "cadre"], prefix=topic_prefix)

    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    found = admin.describe_topics([f"{topic_prefix}{name}" for name in ("plan", "fund", "cadre")])
    admin.close()
    assert [len(topic["partitions"]) for topic in found] == [LANES_PER_TOPIC] * 3


def test_a_topic_with_another_number_of_partitions_is_refused(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    name = f"{topic_prefix}plan"
    admin.create_topics({name: {"num_partitions": 3, "replication_factor": 1}})
    admin.wait_for_topics([name])
    admin.close()

    with pytest.raises(TopicRefused, match="has 3 partitions, its lanes are 12"):
        ensure_topics(kafka_bootstrap, ["plan"], prefix=topic_prefix)


def test_a_topic_that_forgets_is_refused(kafka_bootstrap: str, topic_prefix: str) -> None:
    ensure_topics(kafka_bootstrap, ["plan"], prefix=topic_prefix)
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    resource = ConfigResource(
        ConfigResourceType.TOPIC, f"{topic_prefix}plan", {"retention.ms": "604800000"}
    )
    admin.alter_configs([resource])
    admin.close()

    def refused() -> bool:
        try:
            ensure_topics(kafka_bootstrap, ["plan"], prefix=topic_prefix)
        except TopicRefused as refusal:
            return "retention.ms=604800000" in str(refusal)
        return False

    # The broker answers before the new setting holds.
    until(refused, "the refusal")


async def test_a_group_that_never_read_lags_by_everything(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    ensure_topics(kafka_bootstrap, [TOPIC], prefix=topic_prefix)
    await produce(kafka_bootstrap, topic_prefix, envelopes(100))

    found = lags(kafka_bootstrap, "nobody", [TOPIC], prefix=topic_prefix)

    assert len(found) == LANES_PER_TOPIC
    assert sum(lag.records for lag in found) == 100
