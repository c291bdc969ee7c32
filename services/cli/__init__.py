"""The `tuopin` command: a gRPC client like any other, and the embedded way to run."""
