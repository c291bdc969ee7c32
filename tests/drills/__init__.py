"""Drills: the system is killed at every arrow of design.md section 2 and must come back whole.

Where each fault of design.md section 6 is drilled:

| fault | where |
|---|---|
| kill -9 at every named failpoint | `tests/drills` (whole system), and part by part in `tests/handle/test_kill.py`, `tests/kafka/test_relay.py`, `tests/reacting`, `tests/views` |
| kill -9 of a worker, a server, the bot, the broker, the database | `tests/system/test_kafka_drills.py`, `tests/kafka/test_worker.py` |
| broker gone | `tests/kafka/test_worker.py`, `tests/system/test_kafka_drills.py` |
| duplicate and reordered deliveries, a hole, a rebalance in the middle of a batch | `tests/kafka/test_worker.py`, `tests/views/test_applying.py` |
| two relays at once | `tests/kafka/test_relay.py` |
| disk full, weak durability | `tests/store/test_bad_days.py` |
| a poison event | `tests/views/test_applying.py` |
| clock set back | `tests/store/test_contract.py` (recorded_at), `tests/chassis/test_clock.py`, and `tests/drills` sets it back between two lives |
| Telegram answering 429, 403, 5xx, time-outs | `tests/notifier`, `tests/localchat/test_faults_and_rates.py` |
"""  # noqa: E501
