"""training: who does the work, and are they ready."""
