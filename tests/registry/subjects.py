"""Where the rules of villages and counties are given, step by step."""

from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from chassis.decider import Actor
from chassis.programme import Programme
from services.registry.decider.county import COUNTY
from services.registry.decider.village import VILLAGE
from tests.given import NOW, FixedParameters, Given, Result

V = "433124110226"
C = "433124"
PROGRAMME = Programme.load("programme")
NUMBERS = {
    "village-collective-income-fen": 3_000_000,
    "exit-incidence-e4": 200,
    "subject-exit-posting-days": 7,
    "county-sample-villages": 2,
    "county-sample-households-a-village": 2,
    "county-sample-doors-a-village": 1,
    "county-wrongly-exited-e4": 200,
    "county-omitted-e4": 200,
    "county-recognition-e4": 9_000,
}
PARAMETERS = FixedParameters(
    NUMBERS, {"figures": PROGRAMME.table("figures"), "codes": PROGRAMME.table("codes")}
)
villages = Given(VILLAGE, PARAMETERS, facts=True)
counties = Given(COUNTY, PARAMETERS, facts=True)
ON = "2020-03-02"


def by(name: str) -> Actor:
    return Actor(subject=name)


class Walk:
    """Steps one after the other, each on what the earlier ones led to."""

    def __init__(self, rules: Given[Any]) -> None:
        self.rules = rules
        self.events: list[Message] = []

    def does(self, command: Message, who: str, *, facts: Any = None, at: datetime = NOW) -> Result:
        result = self.rules(*self.events).when(command, by=by(who), facts=facts, at=at)
        if result.rejection is None:
            self.events += result.events
        return result
