"""The answers of the registry, one module per view; `regions` is loaded from a file instead."""

from chassis.views import View
from services.registry.views import (
    duplicates,
    exits_per_day,
    following,
    household_file,
    households,
    imports,
    lookbacks,
    monitoring,
    postings,
    reads,
    residents,
    rounds,
    subjects,
)
from services.registry.views.deadlines import DEADLINES as DEADLINES

VIEWS: tuple[View, ...] = (
    households.VIEW,
    household_file.VIEW,
    exits_per_day.VIEW,
    following.VIEW,
    imports.VIEW,
    postings.VIEW,
    monitoring.VIEW,
    residents.VIEW,
    subjects.VIEW,
    rounds.VIEW,
    lookbacks.VIEW,
    reads.VIEW,
    duplicates.VIEW,
)
