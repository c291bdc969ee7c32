"""Generate the Python code of the contracts: `python -m tools.generate [TARGET]`.

The target (default: the repository) receives the package `tuopin`; tests/contracts compares a fresh
run with what is committed.
"""

import sys
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent


def generate(target: Path) -> list[Path]:
    """Write `tuopin/**` below `target` and return the files, sorted."""
    protos = sorted(str(path) for path in (ROOT / "proto").rglob("*.proto"))
    scripts = Path(sys.executable).parent
    arguments = [
        "protoc",
        f"-I{ROOT / 'proto'}",
        f"-I{Path(grpc_tools.__file__).parent / '_proto'}",
        f"--plugin=protoc-gen-mypy={scripts / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={scripts / 'protoc-gen-mypy_grpc'}",
        f"--python_out={target}",
        f"--grpc_python_out={target}",
        f"--mypy_out=quiet:{target}",
        f"--mypy_grpc_out=quiet:{target}",
        *protos,
    ]
    if protoc.main(arguments) != 0:
        raise SystemExit("protoc failed; its message is above")
    for stub in (target / "tuopin").rglob("*_pb2_grpc.py*"):
        # protoc writes an empty stub for every file without a service.
        if "Servicer" not in stub.read_text(encoding="utf-8"):
            stub.unlink()
    return sorted(p for p in (target / "tuopin").rglob("*_pb2*") if p.suffix in {".py", ".pyi"})


if __name__ == "__main__":
    destination = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    print(f"{len(generate(destination))} files below {destination / 'tuopin'}")
