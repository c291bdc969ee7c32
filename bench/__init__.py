"""Ratios of this code to the bare parts it stands on."""
