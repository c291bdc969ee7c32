"""Tasks out, confirmations in."""
