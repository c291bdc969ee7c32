"""A cadre whose last post is over has no business in the chat any more."""

from collections.abc import Iterator

from sqlalchemy import Connection

from chassis.reactions import Reaction
from services.notifier.views.cadres import post_name, posts_of
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.linking_pb2 import RevokeLink
from tuopin.training.v1.cadre_pb2 import CadreDeparted, PostEnded


def posts_left(connection: Connection, event: PostEnded) -> int:
    """How many posts the cadre still holds besides the one that ended."""
    return sum(
        (each.region_id, each.post) != (event.region_id, post_name(event.post))
        for each in posts_of(connection, event.cadre_id)
    )


def unlink_departed(envelope: Envelope, event: CadreDeparted, facts: None) -> Iterator[RevokeLink]:
    """Who has left is not written to any more."""
    yield RevokeLink(cadre_id=event.cadre_id, reason="departed")


def unlink_postless(envelope: Envelope, event: PostEnded, facts: int) -> Iterator[RevokeLink]:
    """With another post the chat stays."""
    if not facts:
        yield RevokeLink(cadre_id=event.cadre_id, reason="post-ended")


REACTIONS = (
    Reaction("unlink-departed", CadreDeparted, unlink_departed),
    Reaction("unlink-postless", PostEnded, unlink_postless, posts_left),
)
