"""The story on real Kafka and PostgreSQL: five servers, their workers, the bot."""

import json
import subprocess
import sys

import pytest

from devtools.cluster import ROOT, Cluster
from tests.system.test_embedded_story import STEPS

PATIENCE_S = 500


@pytest.mark.timeout(PATIENCE_S + 100)
def test_every_step_of_the_story_succeeds(cluster: Cluster) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services", "part", "play", "--json"],
        cwd=ROOT,
        env=cluster.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    played = [json.loads(line) for line in done.stdout.splitlines()]
    assert [step for step in played if not step["ok"]] == []
    assert done.returncode == 0, done.stderr
    assert [step["title"] for step in played] == [step.title for step in STEPS]
