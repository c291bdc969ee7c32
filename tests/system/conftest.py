"""The system on real Apache Kafka and PostgreSQL, one a file."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.cluster import Cluster


@pytest.fixture(scope="module")
def cluster(kafka_jars: None) -> Iterator[Cluster]:
    # Not below pytest's own folder: PostgreSQL's account could not pass through it.
    folder = Path(tempfile.mkdtemp(prefix="tuopin-cluster-"))
    running = Cluster(folder / "data")
    try:
        running.start()
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)
