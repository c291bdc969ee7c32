"""From a county's file to the register: read, validate, stage, commit, complete."""
