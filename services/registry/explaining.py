"""The chain of facts, rules and people that put a household on the list or took it off, from the
log.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from hashlib import sha256
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from chassis.decider import PROGRAMME_ZONE
from chassis.enumcodes import code_by_number
from chassis.envelope import event_of, parse
from chassis.fields import personal_of
from chassis.rejection import reject, require
from chassis.store.model import Record
from chassis.times import minute_of
from services.registry.figures import Words
from services.registry.views.folding import APPLIERS, Version, step
from services.wiring import ServeParts
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.registry.v1.explain_pb2 import ExplainedStep, ExplainHousehold, Explanation
from tuopin.registry.v1.household_pb2 import Household

# Said of the household or the step as a whole, not once more as a fact.
_SAID_ELSEWHERE = frozenset({"household_id", "effective_on", "village_id", "synthetic"})
HASH_SHOWN_LEN = 16


class Explainer:
    """Answers ExplainHousehold."""

    def __init__(self, parts: ServeParts) -> None:
        self._parts = parts
        self._table: Mapping[str, Any] = parts.programme.table("explain")
        self._codes: Mapping[str, Any] = parts.programme.table("codes")
        self._words = Words(parts.programme.table("figures"), self._codes)

    async def explain(self, request: ExplainHousehold, language: str) -> Explanation:
        """Rejects a household that nobody knew of then, and a moment that has not come."""
        now_us = self._parts.clock.now_us()
        require(request.known_at_us <= now_us, "known-at-in-the-future", field="known_at_us")
        today = self._parts.clock.now().astimezone(PROGRAMME_ZONE).date().isoformat()
        as_of, known_at_us = request.as_of or today, request.known_at_us or now_us
        records = await self._parts.store.load(f"household-{request.household_id}")
        told = [(record, parse(record.envelope)) for record in records]
        counted = [
            (record, envelope)
            for record, envelope in told
            if envelope.effective_on <= as_of and envelope.recorded_at_us <= known_at_us
        ]
        if not counted:
            reject("household-not-known", field="household_id")
        answer = Explanation(
            household_id=request.household_id, as_of=as_of, known_at_us=known_at_us
        )
        self._tell(answer, counted, language)
        return answer

    def _tell(
        self, answer: Explanation, counted: list[tuple[Record, Envelope]], language: str
    ) -> None:
        class_of = self._words.class_of
        household: Household | None = None
        digest = sha256()
        for record, envelope in counted:
            event = event_of(envelope)
            digest.update(record.hash)
            shown = answer.steps.add()
            self._step(shown, record, envelope, event, language)
            if type(event) not in APPLIERS:
                continue
            version = Version(envelope.version, envelope.effective_on, envelope.type, b"")
            household = step(household, event, version)
            if household is None:
                continue
            became = class_of[household.status]
            if became != answer.status_class:
                shown.decisive = True
                answer.status_class, answer.decided_by = became, envelope.id
        answer.digest = digest.hexdigest()
        if household is not None:
            answer.household_number = household.household_number
            answer.village_id = household.village_id
            classes = self._words.table["classes"]
            answer.label = classes[answer.status_class][language]

    def _step(
        self,
        shown: ExplainedStep,
        record: Record,
        envelope: Envelope,
        event: Message,
        language: str,
    ) -> None:
        entry = self._table["events"][event.DESCRIPTOR.name]
        shown.event_id = envelope.id
        shown.type = event.DESCRIPTOR.name
        shown.title = entry[language]
        shown.effective_on = envelope.effective_on
        shown.recorded_at_us = envelope.recorded_at_us
        shown.actor = envelope.actor
        shown.on_behalf_of = envelope.on_behalf_of
        shown.programme = envelope.programme
        shown.lane = f"{envelope.topic}/{envelope.partition}"
        shown.position = envelope.position
        shown.hash = record.hash.hex()[:HASH_SHOWN_LEN]
        for name, value in self._facts(event, language):
            labels = self._table["fields"].get(name)
            shown.facts.add(name=name, label=labels[language] if labels else name, value=value)
        region: str = getattr(event, "village_id", "")
        parameters = self._parts.programme.table("parameters")
        for name in entry.get("parameters", ()):
            limit = self._parts.programme.number(
                name, on=date.fromisoformat(envelope.effective_on), region=region
            )
            shown.rules.add(name=name, label=parameters[name][language], value=limit)

    def _facts(self, event: Message, language: str) -> Iterator[tuple[str, str]]:
        """The coded fields that are set, readable; messages and personal fields stay out."""
        for field, value in event.ListFields():
            if field.name in _SAID_ELSEWHERE or personal_of(field) or field.message_type:
                continue
            values = value if field.is_repeated else [value]
            yield field.name, ", ".join(self._told(field, each, language) for each in values)

    def _told(self, field: FieldDescriptor, value: Any, language: str) -> str:
        if field.enum_type is not None:
            return self._label(field.enum_type, value, language)
        if field.name.endswith("_fen"):
            return f"{value / 100:.2f}"
        if field.name.endswith("_us"):
            return minute_of(value)
        if isinstance(value, bool):
            return str(self._codes["yes-no"]["yes" if value else "no"][language])
        return str(value)

    def _label(self, enum: EnumDescriptor, number: int, language: str) -> str:
        kebab = "".join(f"-{c.lower()}" if c.isupper() else c for c in enum.name).lstrip("-")
        code = code_by_number(enum)[number]
        labels = self._codes.get(kebab, {}).get(code)
        return str(labels[language]) if labels else code
