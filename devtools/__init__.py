"""Servers for one machine, started by tests, demos and benchmarks: Apache Kafka and PostgreSQL."""
