"""From the register to a file that imports again without change."""
