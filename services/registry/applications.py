"""Facts of an application that no view holds: who of its people is registered already, and the
file it applied with, opened again on the day of its registration.
"""

from services.registry import facts
from services.registry.decider.identification import ApplicantFacts, ApplicationFacts
from services.registry.decider.registration import ACTIVE_MEMBER
from services.registry.decider.state import State
from services.wiring import ServeParts
from tuopin.registry.v1.household_pb2 import HouseholdRegistered
from tuopin.registry.v1.identification_pb2 import ApplyHousehold, RegisterApplicant


class Applications:
    """Gives ApplyHousehold and RegisterApplicant their facts."""

    def __init__(self, parts: ServeParts) -> None:
        self._parts = parts
        parts.handler.use_facts(ApplyHousehold, self.application)
        parts.handler.use_facts(RegisterApplicant, self.applicant)

    async def application(self, command: ApplyHousehold) -> ApplicationFacts:
        """The claim at registration decides; this only says it before anybody has gone to work."""
        village_known = await self._parts.views.query(
            lambda each: facts.registration(each, command.file).village_known
        )
        active_in: dict[int, str] = {}
        for ordinal, member in enumerate(command.file.members):
            digest = self._parts.sealer.blind(ACTIVE_MEMBER, member.identity_number)
            owner = await self._parts.store.claim_owner(ACTIVE_MEMBER, digest)
            if owner:
                active_in[ordinal] = owner.partition("/")[0]
        return ApplicationFacts(village_known, active_in=active_in)

    async def applicant(self, command: RegisterApplicant) -> ApplicantFacts:
        """Names and numbers of erased people stay empty."""
        state: State
        state, _ = await self._parts.handler.state("household", command.household_id)
        file = HouseholdRegistered()
        file.CopyFrom(state.application.file)
        await self._parts.sealer.opening([file])
        self._parts.sealer.open(file)
        return ApplicantFacts(file)
