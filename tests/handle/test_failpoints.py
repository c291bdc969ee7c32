"""Every commit, send, ack and cursor move has a named failpoint before and after it."""

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.failpoints import FAILPOINTS, UnknownFailpoint, _parse

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for folder in ("chassis", "services")
    for path in (ROOT / folder).rglob("*.py")
    if "cli" not in path.parts
)
# What makes something durable or tells somebody that it is.
ACTS = {"commit", "send_batch", "move_cursor"}


def calls_in(body: ast.AST) -> Iterator[tuple[str, int, ast.Call]]:
    for node in ast.walk(body):
        if isinstance(node, ast.Call):
            name = (
                node.func.attr
                if isinstance(node.func, ast.Attribute)
                else getattr(node.func, "id", "")
            )
            yield name, node.lineno, node


def functions(tree: ast.AST) -> Iterator[ast.AST]:
    """Innermost functions and lambdas count as part of the function around them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def failpoints_in(function: ast.AST) -> list[tuple[int, str]]:
    return [
        (line, call.args[0].value)
        for name, line, call in calls_in(function)
        if name == "failpoint" and call.args and isinstance(call.args[0], ast.Constant)
    ]


def unguarded(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for function in functions(tree):
        points = failpoints_in(function)
        for name, line, _ in calls_in(function):
            if name not in ACTS or ("store" in path.parts and name == "move_cursor"):
                continue
            before = any(at < line and ".before-" in point for at, point in points)
            after = any(at > line and ".after-" in point for at, point in points)
            if not (before and after):
                yield f"{path.relative_to(ROOT)}:{line} {name}"


def test_every_commit_send_and_cursor_move_has_a_failpoint_beside_it() -> None:
    assert [each for path in SOURCES for each in unguarded(path)] == []


def test_the_test_sees_what_it_looks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ROOT / "chassis" / "store" / "sqlite.py"
    text = path.read_text(encoding="utf-8").replace('failpoint("store.before-commit")', "pass")
    copy = tmp_path / "sqlite.py"
    copy.write_text(text, encoding="utf-8")
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    assert any("commit" in each for each in unguarded(copy))


def test_the_list_is_what_the_source_says() -> None:
    named = {
        point
        for path in SOURCES
        for _, point in failpoints_in(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert named == set(FAILPOINTS)
    assert list(FAILPOINTS) == sorted(set(FAILPOINTS))


def test_an_unknown_name_does_not_start() -> None:
    with pytest.raises(UnknownFailpoint):
        _parse("store.before-lunch=kill")
    with pytest.raises(UnknownFailpoint):
        _parse("store.before-commit=sleep")


def test_an_armed_process_dies_at_its_turn_and_says_so(tmp_path: Path) -> None:
    program = (
        "from chassis.failpoints import failpoint\n"
        "for turn in range(1, 9):\n"
        "    print(turn, flush=True)\n"
        "    failpoint('store.after-commit')\n"
    )
    log = tmp_path / "hits"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ
        | {"TUOPIN_FAILPOINTS": "store.after-commit:3=kill", "TUOPIN_FAILPOINT_LOG": str(log)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.split() == ["1", "2", "3"]
    assert log.read_text().split() == ["store.after-commit"]
