"""Facts of an application that no view holds: who of its people is registered already, and its
file, opened again on the day of its registration.
"""

from services.registry.current_files import FilesAtHand
from services.registry.decider.current import CurrentFiles
from services.registry.decider.identification import ApplicationFacts
from services.registry.decider.registration import ACTIVE_MEMBER
from services.registry.registrations import registrations_of
from services.registry.views.rounds import is_open
from services.wiring import ServeParts
from tuopin.registry.v1.identification_pb2 import ApplyHousehold, RegisterApplicant


class Applications:
    """Gives ApplyHousehold and RegisterApplicant their facts."""

    def __init__(self, parts: ServeParts) -> None:
        self._parts = parts
        self._files = FilesAtHand(parts)
        parts.handler.use_facts(ApplyHousehold, self.application)
        parts.handler.use_facts(RegisterApplicant, self.applicant)

    async def application(self, command: ApplyHousehold) -> ApplicationFacts:
        """The claim at registration decides; this only says it before anybody has gone to work."""
        known = await registrations_of(self._parts).village_known(command.file.village_id)
        active_in: dict[int, str] = {}
        for ordinal, member in enumerate(command.file.members):
            digest = self._parts.sealer.blind(ACTIVE_MEMBER, member.identity_number)
            owner = await self._parts.store.claim_owner(ACTIVE_MEMBER, digest)
            if owner:
                active_in[ordinal] = owner.partition("/")[0]
        round_open = not command.round_id or await self._parts.views.query(
            lambda each: is_open(each, command.round_id, command.file.village_id)
        )
        return ApplicationFacts(known, round_open, active_in)

    async def applicant(self, command: RegisterApplicant) -> CurrentFiles:
        """Names and numbers of erased people stay empty."""
        return await self._files.of([command.household_id])
