"""planning: what will be done for a household, and who helps it."""
