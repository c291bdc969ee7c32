"""Progress on standard error while something takes long; gone when it is done."""

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from services.cli.output import errors


def counted() -> Progress:
    """A bar for work whose size is known."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        # A log file wants lines, not a bar.
        disable=not errors.is_terminal,
    )


def waiting() -> Progress:
    """A sign of life for work that somebody else does."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
        # A log file wants lines, not a bar.
        disable=not errors.is_terminal,
    )
