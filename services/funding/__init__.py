"""funding: whose money, for what, and did it arrive."""
