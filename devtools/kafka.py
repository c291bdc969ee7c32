"""A single-node Apache Kafka (KRaft): `python -m devtools.kafka --port 9092 --data FOLDER`."""

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from devtools.processes import ServerProcess, free_port, port_answers

ROOT = Path(__file__).resolve().parent.parent
POM = ROOT / "devtools" / "pom.xml"
# Jars are kept per version of the pom, outside version control.
CACHE = ROOT / ".stamps"

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
log.dirs={logs}
auto.create.topics.enable=false
num.partitions=12
log.retention.ms=-1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
message.max.bytes=8388608
replica.fetch.max.bytes=8388608
log.cleaner.dedupe.buffer.size=16777216
log.index.size.max.bytes=1048576
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
"""
# The short session: after kill -9 the controller keeps the broker out until the old one has ended.


class JavaMissing(Exception):
    """The broker needs `java` (17 or later) and, the first time, `mvn`."""


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise JavaMissing(f"Apache Kafka needs the program `{name}`, which is not installed here")
    return path


def jars() -> Path:
    """The folder with the broker's jars; Maven resolves them when this pom is new here."""
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    folder = CACHE / f"kafka-{digest}"
    if folder.is_dir():
        return folder
    CACHE.mkdir(exist_ok=True)
    maven = _program("mvn")
    # Copied aside and renamed, so that a half resolved folder is never taken for a whole one.
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="kafka-") as scratch:
        target = Path(scratch) / "jars"
        subprocess.run(  # noqa: S603
            [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies",
             f"-DoutputDirectory={target}"],
            check=True,
        )  # fmt: skip
        try:
            target.rename(folder)
        except OSError:
            # Somebody else resolved the same pom meanwhile.
            assert folder.is_dir()
    return folder


class KafkaBroker:
    """One broker on 127.0.0.1; the same object restarts on the same port and data."""

    def __init__(self, data: Path, *, port: int = 0, heap_mib: int = 384) -> None:
        self.data = data.resolve()
        self.port = port or free_port()
        self._controller_port = free_port()
        self._heap_mib = heap_mib
        self._server = ServerProcess(
            "Apache Kafka", self.data / "broker.log", stop_signal=signal.SIGTERM
        )

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._server.pid

    @property
    def running(self) -> bool:
        return self._server.running

    def start(self) -> "KafkaBroker":
        self.data.mkdir(parents=True, exist_ok=True)
        properties = self.data / "server.properties"
        properties.write_text(
            _PROPERTIES.format(
                port=self.port, controller_port=self._controller_port, logs=self.data / "logs"
            ),
            encoding="utf-8",
        )
        if not (self.data / "logs" / "meta.properties").exists():
            self._format(properties)
        self._server.start(
            self._java("kafka.Kafka", str(properties)), lambda: port_answers(self.port)
        )
        return self

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        """kill -9."""
        self._server.kill()

    def restart(self) -> "KafkaBroker":
        """Start again after stop or kill, same port, same data."""
        self.stop()
        return self.start()

    def _format(self, properties: Path) -> None:
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = self._java(
            "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)
        )
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            raise RuntimeError(f"Apache Kafka's storage was not formatted:\n{done.stderr}")

    def _java(self, *arguments: str) -> list[str]:
        return [
            _program("java"),
            f"-Xmx{self._heap_mib}m",
            "-Xms128m",
            "-XX:+UseSerialGC",
            "-Xshare:auto",
            "-Djava.awt.headless=true",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp",
            f"{jars()}{os.sep}*",
            *arguments,
        ]

    def __enter__(self) -> "KafkaBroker":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def main() -> None:
    """Run a broker in the foreground until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m devtools.kafka", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--data", type=Path, default=ROOT / ".data" / "kafka")
    arguments = parser.parse_args()
    # Blocked before the broker starts, so that a signal during the start is not lost either.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    with KafkaBroker(arguments.data, port=arguments.port) as broker:
        print(f"Apache Kafka on {broker.bootstrap}, data in {broker.data}", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
