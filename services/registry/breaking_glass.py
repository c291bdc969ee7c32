"""What the guard of the rpcs asks about a break-glass access: whose, where, until when."""

from chassis.reads import Grant, Grants
from services.registry.decider.break_glass import BREAK_GLASS, State
from services.wiring import ServeParts


def break_glass_grants(parts: ServeParts) -> Grants:
    """Reads the stream itself: an access ends with the event that ends it, not a moment later."""

    async def grant(break_glass_id: str) -> Grant | None:
        state: State
        state, version = await parts.handler.state(BREAK_GLASS.noun, break_glass_id)
        if not version:
            return None
        return Grant(
            break_glass_id=state.break_glass_id,
            reader=state.reader,
            region_id=state.region_id,
            household_id=state.household_id,
            until_us=state.expires_at_us,
            open=state.open,
        )

    return grant
