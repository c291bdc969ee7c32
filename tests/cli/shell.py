"""The command line as its users call it, and what came of it."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from services.cli.app import main

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Said:
    """Exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    def rows(self) -> list[dict[str, Any]]:
        """Each line of the output as JSON."""
        return [json.loads(line) for line in self.out.splitlines()]

    def one(self) -> dict[str, Any]:
        (row,) = self.rows()
        return row


class Shell:
    """`tuopin` with the environment of one user; English unless a test says otherwise."""

    def __init__(self, folder: Path | str, **environment: str) -> None:
        self.environment = {
            "TUOPIN_DATA": str(folder),
            "TUOPIN_LANGUAGE": "en",
            **environment,
        }

    def __call__(self, *arguments: str, **environment: str) -> Said:
        """Run a command in this process."""
        out, err = io.StringIO(), io.StringIO()
        code = 0
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TUOPIN_")}
        with (
            mock.patch.dict(os.environ, kept | self.environment | environment, clear=True),
            mock.patch.object(sys, "argv", ["tuopin", *arguments]),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as leaving:
                code = int(leaving.code or 0)
        return Said(code, out.getvalue(), err.getvalue())

    def done(self, *arguments: str, **environment: str) -> Said:
        """The same; it must have worked."""
        said = self(*arguments, **environment)
        assert said.code == 0, said
        return said

    def child(self, *arguments: str) -> "subprocess.Popen[str]":
        """The command as a process of its own."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TUOPIN_")}
        return subprocess.Popen(
            [sys.executable, "-m", "services", *arguments],
            cwd=ROOT,
            env=kept | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
