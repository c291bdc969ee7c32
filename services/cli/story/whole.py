"""The acts of the story, one after the other."""

from services.cli.story import (
    handling,
    helping,
    identifying,
    judging,
    leaving,
    register,
    relapsing,
    voicing,
)

STEPS = [
    *register.STEPS,
    *helping.STEPS,
    *voicing.STEPS,
    *leaving.STEPS,
    *identifying.STEPS,
    *judging.STEPS,
    *handling.STEPS,
    *relapsing.STEPS,
    *leaving.LAST,
]
