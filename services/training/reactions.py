"""What other services' events make training do."""

from collections.abc import Iterable, Sequence

from google.protobuf.message import Message
from sqlalchemy import Connection

from chassis.reactions import Reaction
from services.training.views.cadre_queries import HeldPost, posts_at
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1.region_pb2 import RegionsMapped
from tuopin.training.v1.cadre_pb2 import RezonePost


def read_posts(connection: Connection, event: RegionsMapped) -> Sequence[HeldPost]:
    """Who holds a post in one of the regions that are others now."""
    return posts_at(connection, [each.old_id for each in event.changes])


def follow_regions(
    envelope: Envelope, event: RegionsMapped, held: Sequence[HeldPost]
) -> Iterable[Message]:
    """A post goes to the default successor of its region; where the code stays it stays."""
    leads = {each.old_id: each for each in event.changes if each.default_successor}
    for post in held:
        change = leads.get(post.region_id)
        if change is not None and change.new_id != change.old_id:
            yield RezonePost(
                cadre_id=post.cadre_id,
                from_region_id=post.region_id,
                region_id=change.new_id,
                post=post.post,
                effective_on=change.effective_on,
            )


REACTIONS: tuple[Reaction, ...] = (
    Reaction("follow-regions", RegionsMapped, follow_regions, read_posts),
)
