"""What other services' events make training do: nothing yet; the cadre's record is a view."""

from chassis.reactions import Reaction

REACTIONS: tuple[Reaction, ...] = ()
