"""Whoever is woken by a line of the log or a metric finds it in docs/operating.md."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
LOUD = {"warning", "error", "exception", "critical", "alarm"}


def calls() -> Iterator[ast.Call]:
    for folder in ("chassis", "services"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield node


def first_text(call: ast.Call) -> str:
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def loud_events() -> set[str]:
    """First argument of every call of a logger at warning or above, or of a name bound to one."""
    found = set()
    for call in calls():
        called = call.func
        if isinstance(called, ast.Attribute):
            of_log = isinstance(called.value, ast.Name) and called.value.id in ("log", "_log")
            loud = of_log and called.attr in LOUD
        else:
            loud = isinstance(called, ast.Name) and called.id == "alarm"
        if loud:
            found.add(first_text(call))
    return found


def metrics() -> set[str]:
    """As they stand on the page of metrics."""
    endings = {"create_counter": "_total", "create_gauge": ""}
    made = {call: getattr(call.func, "attr", "") for call in calls()}
    others = {"create_histogram", "create_up_down_counter"}
    assert not others & set(made.values()), "say how it stands on the page"
    return {first_text(call) + endings[name] for call, name in made.items() if name in endings}


def rows(heading: str) -> set[str]:
    """What stands between backticks in the first column of the table below a heading."""
    section = RUNBOOK.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return {each for line in lines for each in re.findall(r"`([^`]+)`", line.split("|")[1])}


def test_every_loud_event_of_the_log_has_a_line_in_the_runbook() -> None:
    events = loud_events()
    assert "consumer.stopped" in events
    assert "reaction.unanswered" in events
    assert "" not in events
    assert rows("Log events") == events


def test_every_metric_has_a_line_in_the_runbook() -> None:
    assert rows("Metrics") == metrics()


def test_every_kind_of_finding_has_a_line_in_the_runbook() -> None:
    told = rows("A finding of `verify`")
    kinds = set()
    for call in calls():
        if getattr(call.func, "attr", "") == "find":
            kinds.add(first_text(call))
        if getattr(call.func, "id", "") == "Finding":
            kinds |= {
                str(each.value.value)
                for each in call.keywords
                if each.arg == "kind" and isinstance(each.value, ast.Constant)
            }
    assert told == kinds - {""}
