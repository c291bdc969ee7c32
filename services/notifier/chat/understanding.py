"""What an update is understood as: one command at most, or words in return.

Understanding looks at the views, which move on; so it is kept (ids only) before the command goes
out, and an update that comes again is understood as it was the first time.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection, Row

from chassis.decider import derived_id
from chassis.viewstore import ViewStore
from services.notifier.chat import members
from services.notifier.chat.answers import LISTS, page_of
from services.notifier.chat.incoming import (
    Asked,
    Incoming,
    Pictured,
    Placed,
    Reply,
    Shared,
    Started,
    Tapped,
    Wrote,
)
from services.notifier.chat.linking import Linking, begin_command, confirm_command
from services.notifier.chat.people import People
from services.notifier.chat.pictures import NotAPicture, Pictures, TooBig, TooOld
from services.notifier.chat.talks import Talks
from services.notifier.chat.taps import (
    DECLINE,
    DETAILS,
    DONE,
    HOW_LONG,
    LANGUAGE,
    NOBODY,
    NOT_ME,
    PAGE,
    PROVE,
    SNOOZE,
    TAKE,
    WHY_NOT,
    YES,
    decode,
)
from services.notifier.page.tokens import code_digest
from services.notifier.views.assignments import TO_FINISH, TO_TAKE, assignment_row, open_of
from services.notifier.views.messages import replied_to
from tuopin.notifier.v1.assignment_pb2 import (
    AcknowledgeAssignment,
    AddEvidence,
    FinishAssignment,
)
from tuopin.notifier.v1.handling_pb2 import DeclineAssignment, SnoozeAssignment
from tuopin.notifier.v1.linking_pb2 import ChooseLanguage
from tuopin.types.v1.types_pb2 import Blob, Evidence, Location, Note

WHICH_TASK = "which-task"
# A household's number is not longer.
NUMBER_MAX = 40
# What a tap means, by its action.
DOES = {
    TAKE: "take",
    DONE: "done",
    DETAILS: "details",
    WHY_NOT: "why",
    HOW_LONG: "when",
    PROVE: "prove",
    DECLINE: "decline",
    SNOOZE: "snooze",
    LANGUAGE: "language",
}


@dataclass(frozen=True, slots=True)
class Understood:
    """`do` is a command (take, done, decline, snooze, note, photo, place, begin, confirm,
    language), a list, a question to be asked, "bad-code", or "say".
    """

    do: str
    cadre_id: str = ""
    assignment_id: str = ""
    household_id: str = ""
    # Serialised Blob, base64: sealing again would give another one.
    blob: str = ""
    # Key of the text to say, for "say"; what the answer adds, for a photo.
    say: str = ""
    # What was chosen: code of a reason, seconds, a language, a page.
    choice: str = ""
    turn: int = 0
    # Digest of the code that is being confirmed, and how the telephone compared.
    code: str = ""
    proof: str = ""
    # Member of a household, in whose name it is done.
    person_id: str = ""

    def kept(self) -> dict[str, str]:
        """As the ledger keeps it."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name))}

    @classmethod
    def again(cls, kept: Mapping[str, Any]) -> "Understood":
        """As it was understood the first time."""
        return cls(**kept)


def say(key: str, cadre_id: str = "") -> Understood:
    """Words in return, no command."""
    return Understood("say", cadre_id=cadre_id, say=key)


class Understanding:
    """Reads views and claims, and seals a picture; changes nothing else."""

    def __init__(
        self,
        views: ViewStore,
        people: People,
        pictures: Pictures,
        linking: Linking,
        talks: Talks,
    ) -> None:
        self._views = views
        self._people = people
        self._pictures = pictures
        self._linking = linking
        self._talks = talks

    async def of(self, incoming: Incoming) -> Understood:
        """Every tap and word is authorised anew: whose chat is it now?"""
        if not incoming.source.private:
            return say("link.private-only")
        if isinstance(incoming.doing, Started) and incoming.doing.code:
            return await self._link(incoming, incoming.doing)
        answer = await self._confirmation(incoming)
        if answer is not None:
            return answer
        whose = await self._people.whose_chat(incoming.source.chat_id)
        if whose.household_id:
            do, key = members.understood(incoming)
            return Understood(
                do, household_id=whose.household_id, person_id=whose.person_id, say=key
            )
        cadre_id = whose.cadre_id
        if not cadre_id:
            return say("link.first")
        match incoming.doing:
            case Tapped():
                return self._tap(incoming.doing, cadre_id)
            case Started():
                return Understood("tasks", cadre_id)
            case Asked(command=command, about=about) if command in LISTS:
                if command == "household" and not about:
                    return say("list.household-which", cadre_id)
                return Understood(command, cadre_id, choice=about[:NUMBER_MAX])
            case Asked(command="language"):
                return Understood("languages", cadre_id)
            case Asked(command="help"):
                return say("help.text", cadre_id)
            case Wrote() | Pictured() | Placed():
                return await self._evidence(incoming, incoming.doing, cadre_id)
            case _:
                return say("fault.not-understood", cadre_id)

    async def _link(self, incoming: Incoming, started: Started) -> Understood:
        whose = await self._people.whose_code(code_digest(started.code))
        if whose.household_id:
            return Understood(
                "member-link", household_id=whose.household_id, person_id=whose.person_id
            )
        if whose.cadre_id:
            return Understood("begin", whose.cadre_id)
        too_many = await self._linking.too_many(incoming.source.chat_id)
        return say("link.too-many") if too_many else Understood("bad-code")

    async def _confirmation(self, incoming: Incoming) -> Understood | None:
        """The answer to the question whether it is you; None when it is something else."""
        doing = incoming.doing
        if isinstance(doing, Tapped):
            tap = decode(doing.data, self._people.sign)
            action = tap.action if tap else ""
        else:
            action = YES if isinstance(doing, Shared) else ""
        if action not in (YES, NOT_ME):
            return None
        waits = await self._linking.waits(incoming.source.chat_id)
        if not waits:
            return say("link.nothing-to-confirm")
        if action == NOT_ME:
            return Understood("not-me")
        cadre_id = waits["cadre_id"]
        proof = await self._linking.proof(cadre_id, doing) if isinstance(doing, Shared) else ""
        return Understood("confirm", cadre_id, code=waits["code"], proof=proof)

    def _tap(self, tapped: Tapped, cadre_id: str) -> Understood:
        tap = decode(tapped.data, self._people.sign)
        if tap is None:
            return say("tap.not-ours", cadre_id)
        if tap.action == PAGE:
            what, page = page_of(tap.choice)
            about = "" if tap.assignment_id == NOBODY else tap.assignment_id
            return Understood(what, cadre_id, about, turn=page)
        do = DOES[tap.action]
        return Understood(do, cadre_id, tap.assignment_id, choice=tap.choice, turn=tap.turn)

    async def _evidence(
        self, incoming: Incoming, doing: Wrote | Pictured | Placed, cadre_id: str
    ) -> Understood:
        if doing.forwarded:
            return say("evidence.forwarded", cadre_id)
        chat_id = incoming.source.chat_id
        album = doing.album if isinstance(doing, Pictured) else ""
        begun = await self._talks.task(chat_id, album)
        found = await self._views.query(partial(_meant, cadre_id, doing.reply, begun))
        if found == WHICH_TASK:
            return Understood("which-task", cadre_id)
        if isinstance(found, str):
            return say(found, cadre_id)
        about = Understood(
            "note" if isinstance(doing, Wrote) else "place",
            cadre_id,
            found.assignment_id,
            # What is about no household is sealed under its subject.
            found.household_id or found.subject,
        )
        if isinstance(doing, Pictured):
            about = await self._picture(doing, about)
        if album:
            # The first of an album says which task all of them are about, and is the one answered.
            first = await self._talks.begin_album(chat_id, album, found.assignment_id)
            if not first and about.do == "photo":
                about = replace(about, say="evidence.more-of-album")
        return about

    async def _picture(self, doing: Pictured, about: Understood) -> Understood:
        try:
            blob = await self._pictures.keep(doing.file_id, doing.size_bytes, about.household_id)
        except TooBig:
            return say("evidence.photo-too-big", about.cadre_id)
        except NotAPicture:
            return say("evidence.photo-not-a-picture", about.cadre_id)
        except TooOld:
            return say("evidence.photo-too-old", about.cadre_id)
        return Understood(
            "photo",
            about.cadre_id,
            about.assignment_id,
            about.household_id,
            base64.b64encode(blob.SerializeToString()).decode(),
            "evidence.photo-without-caption" if doing.captioned else "",
        )


def command_of(bot_id: int, incoming: Incoming, understood: Understood) -> Message | None:
    """The command; the same bytes whenever the update comes again."""
    command_id = derived_id("update", bot_id, incoming.source.update_id)
    doing = incoming.doing
    match understood.do:
        case "begin" if isinstance(doing, Started):
            return begin_command(command_id, understood.cadre_id, doing.code, incoming.source)
        case "confirm":
            code, proof = understood.code, understood.proof
            return confirm_command(command_id, understood.cadre_id, code, proof, incoming.source)
        case "language":
            return ChooseLanguage(
                command_id=command_id, cadre_id=understood.cadre_id, language=understood.choice
            )
        case "decline":
            return DeclineAssignment(
                command_id=command_id,
                assignment_id=understood.assignment_id,
                cadre_id=understood.cadre_id,
                reason=understood.choice,
            )
        case "snooze":
            return SnoozeAssignment(
                command_id=command_id,
                assignment_id=understood.assignment_id,
                cadre_id=understood.cadre_id,
                for_s=int(understood.choice),
            )
        case "take":
            return AcknowledgeAssignment(
                command_id=command_id,
                assignment_id=understood.assignment_id,
                cadre_id=understood.cadre_id,
            )
        case "done":
            return FinishAssignment(
                command_id=command_id,
                assignment_id=understood.assignment_id,
                cadre_id=understood.cadre_id,
            )
        case "note" | "place" | "photo":
            return AddEvidence(
                command_id=command_id,
                assignment_id=understood.assignment_id,
                cadre_id=understood.cadre_id,
                evidence=_evidence_of(incoming, understood),
            )
        case _:
            return None


def _evidence_of(incoming: Incoming, understood: Understood) -> Evidence:
    evidence = Evidence(taken_at_us=incoming.source.at_us)
    household_id = understood.household_id
    match incoming.doing:
        case Wrote(text=text):
            evidence.note.CopyFrom(Note(text=text, household_id=household_id))
        case Placed(latitude_e7=latitude, longitude_e7=longitude):
            evidence.location.CopyFrom(
                Location(latitude_e7=latitude, longitude_e7=longitude, household_id=household_id)
            )
        case _:
            evidence.photo.CopyFrom(Blob.FromString(base64.b64decode(understood.blob)))
    return evidence


def _meant(cadre_id: str, reply: Reply, begun_id: str, connection: Connection) -> Row[Any] | str:
    """The assignment that is answered, or talked about, or the key of what to say instead."""
    if reply.provider_message_id:
        message = replied_to(connection, cadre_id, reply.provider_message_id, reply.reference)
        found = assignment_row(connection, message.assignment_id) if message else None
        if found is not None:
            return found
    taken = open_of(connection, cadre_id, TO_FINISH)
    for each in taken:
        if each.assignment_id == begun_id:
            return each
    if len(taken) == 1:
        return taken[0]
    if taken:
        return WHICH_TASK
    to_take = open_of(connection, cadre_id, TO_TAKE, most=1)
    return "evidence.take-first" if to_take else "evidence.no-task"
