"""Measure everything side by side in one run: `python -m bench [--quick] [--only NAME]`.

Writes bench/results/latest.json: {"machine", "rows": [{"name", "value", "unit", "against",
"against_value", "ratio", "target"}]}. Each ratio's two figures come from the same run.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).resolve().parent / "results"
PARTS = ("commands", "importing", "views", "figures", "latency", "kafka", "notifier", "storms")

Row = dict[str, Any]


def measure(only: str, quick: bool) -> Iterator[list[Row]]:
    """All rows so far, after each of the chosen parts, in order."""
    found: list[Row] = []
    for part in PARTS:
        if only and part != only:
            continue
        rows: Callable[[bool], list[Row]] = import_module(f"bench.{part}").rows
        print(f"… {part}", flush=True)
        found += rows(quick)
        yield found


def keep(rows: list[Row], file: Path) -> None:
    """Write the rows with the machine they were measured on."""
    RESULTS.mkdir(exist_ok=True)
    machine = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        # Of other work: a load far above the cores says that the figures are not to be trusted.
        "load_1_min": os.getloadavg()[0],
    }
    result = {"measured_at": datetime.now(UTC).isoformat(), "machine": machine, "rows": rows}
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
    chosen = parser.parse_args()
    rows: list[Row] = []
    for rows in measure(chosen.only, chosen.quick):
        if not chosen.only:
            # After each part: a run that is cut short keeps what it has measured.
            keep(rows, RESULTS / ("quick.json" if chosen.quick else "latest.json"))
    show(rows)


if __name__ == "__main__":
    main()
