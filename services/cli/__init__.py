"""The `tuopin` command: a gRPC client like any other, and the embedded way to run."""

import os

# `tuopin run` starts a child of its own; gRPC, loaded below, would warn about each fork.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
