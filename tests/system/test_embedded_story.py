"""The whole story, embedded: what `make demo` does, from an environment that knows nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

from services.cli.story.whole import STEPS as STEPS

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 300


def test_every_step_of_the_demo_succeeds_and_shows_its_proof(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services", "demo", "--json"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    played = [json.loads(line) for line in done.stdout.splitlines()]
    failed = [step for step in played if not step["ok"]]
    assert failed == []
    assert done.returncode == 0, done.stderr
    assert [step["title"] for step in played] == [step.title for step in STEPS]
    assert all(step["proof"] for step in played)
    # Nothing is left behind: the demo's folder is gone.
    assert list(tmp_path.iterdir()) == []
