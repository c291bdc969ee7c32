"""Measure everything side by side in one run: `python -m bench [--quick] [--only NAME]`.

Each part runs in a process of its own; one that fails is named in "failed" and does not stop the
others. Writes bench/results/latest.json: {"machine", "failed", "rows": [{"name", "value", "unit",
"against", "against_value", "ratio", "target"}]}. Each ratio's two figures come from the same run.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
PARTS = (
    "commands",
    "importing",
    "views",
    "figures",
    "duplicates",
    "latency",
    "kafka",
    "notifier",
    "storms",
    "deadlines",
)
# A part that takes longer hangs; the others are measured all the same.
PART_S = 600

Row = dict[str, Any]


def measure(parts: list[str], quick: bool) -> Iterator[tuple[list[Row], list[str]]]:
    """All rows so far and the parts that failed, after each part."""
    found: list[Row] = []
    failed: list[str] = []
    for part in parts:
        print(f"… {part}", flush=True)
        rows = _in_a_process(part, quick)
        if rows is None:
            failed.append(part)
        else:
            found += rows
        yield found, failed


def _in_a_process(part: str, quick: bool) -> list[Row] | None:
    """The rows of a part, None when it failed; it leaves neither memory nor processes behind."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        into = Path(folder, "rows.json")
        command = [sys.executable, "-m", "bench", "--part", part, "--into", str(into)]
        process = subprocess.Popen(command + ["--quick"] * quick, cwd=ROOT, start_new_session=True)
        try:
            process.wait(PART_S)
        except subprocess.TimeoutExpired:
            print(f"✗ {part}: not within {PART_S} s", flush=True)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return json.loads(into.read_text()) if into.exists() else None


def keep(rows: list[Row], failed: list[str], file: Path) -> None:
    """Write the rows with the machine they were measured on."""
    RESULTS.mkdir(exist_ok=True)
    machine = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        # Of other work: a load far above the cores says that the figures are not to be trusted.
        "load_1_min": os.getloadavg()[0],
    }
    result = {
        "measured_at": datetime.now(UTC).isoformat(),
        "machine": machine,
        "failed": failed,
        "rows": rows,
    }
    text = json.dumps(result, ensure_ascii=False, indent=1)
    file.write_text(text + "\n", encoding="utf-8")


def show(rows: list[Row]) -> None:
    """Print the rows as a table."""
    table = Table("row", "value", "unit", "against", "its value", "ratio", "target")
    for row in rows:
        shown = (row[name] for name in ("name", "value", "unit", "against", "against_value"))
        table.add_row(*(_short(cell) for cell in shown), _short(row["ratio"]), str(row["target"]))
    Console(width=150).print(table)


def _short(cell: Any) -> str:
    return (
        f"{cell:,.3g}"
        if isinstance(cell, float) and abs(cell) < 100
        else (f"{cell:,.0f}" if isinstance(cell, float) else str(cell))
    )


def main() -> None:
    """Measure and keep the result."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small counts, for trying out")
    parser.add_argument("--only", choices=PARTS, default="")
    parser.add_argument("--part", choices=PARTS, default="", help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.part:
        part: Callable[[bool], list[Row]] = import_module(f"bench.{chosen.part}").rows
        chosen.into.write_text(json.dumps(part(chosen.quick), ensure_ascii=False))
        return
    rows: list[Row] = []
    failed: list[str] = []
    for rows, failed in measure([chosen.only] if chosen.only else list(PARTS), chosen.quick):
        if not chosen.only:
            # After each part: a run that is cut short keeps what it has measured.
            keep(rows, failed, RESULTS / ("quick.json" if chosen.quick else "latest.json"))
    show(rows)
    if failed:
        sys.exit(f"these parts failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
