"""The committed contracts are current, lint clean, and break no released reader."""

import subprocess
import sys
from pathlib import Path

from tools.breaking import BUF, breaking
from tools.generate import ROOT, generate


def test_the_generated_code_is_what_the_contracts_say(tmp_path: Path) -> None:
    fresh = {path.relative_to(tmp_path): path.read_bytes() for path in generate(tmp_path)}
    committed = {
        path.relative_to(ROOT): path.read_bytes()
        for path in (ROOT / "tuopin").rglob("*_pb2*")
        if path.suffix in {".py", ".pyi"}
    }
    assert committed == fresh


def test_the_contracts_pass_buf_lint_and_format() -> None:
    subprocess.run([BUF, "lint"], cwd=ROOT, check=True)
    subprocess.run([BUF, "format", "--diff", "--exit-code"], cwd=ROOT, check=True)


def test_no_released_reader_breaks() -> None:
    assert breaking() == 0


def test_the_generator_runs_as_the_makefile_calls_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.generate", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "files below" in done.stdout
