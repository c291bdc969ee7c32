"""Households per village, from the open topic alone: python docs/examples/consumer.py BOOTSTRAP"""

import sys
from collections import Counter

from kafka import KafkaConsumer, TopicPartition

from tuopin.registry.v1.household_pb2 import HouseholdExited, HouseholdRegistered

consumer = KafkaConsumer(bootstrap_servers=sys.argv[1], auto_offset_reset="earliest")
topic = sys.argv[2] if len(sys.argv) > 2 else "tuopin.household"
lanes = [TopicPartition(topic, partition) for partition in range(12)]
consumer.assign(lanes)
ends = consumer.end_offsets(lanes)
positions, households = Counter(), Counter()  # the last position per lane, the answer
while any(consumer.position(lane) < ends[lane] for lane in lanes):
    for lane, records in consumer.poll(timeout_ms=1000).items():
        for record in records:
            headers, last = dict(record.headers), positions[lane.partition]
            position = int(headers["ce_position"])
            if position > last + 1:
                sys.exit(f"{topic}, lane {lane.partition}: {position} follows {last}")
            if position <= last:
                continue  # the relay repeated it: delivery is at least once
            positions[lane.partition] = position
            if headers["ce_type"] == b"tuopin.registry.v1.HouseholdRegistered":
                households[HouseholdRegistered.FromString(record.value).village_id] += 1
            elif headers["ce_type"] == b"tuopin.registry.v1.HouseholdExited":
                households[HouseholdExited.FromString(record.value).village_id] -= 1
print(*(f"{village_id} {count}" for village_id, count in sorted(households.items())), sep="\n")
