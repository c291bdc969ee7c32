"""What goes on while the system is killed: lives of households, from registration to a visit.

Every command has an id that follows from the life's number, so that a life that was cut off is
finished with the same commands.
"""

import asyncio
import base64
import contextlib
import hashlib
import time
import uuid
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import httpx

from chassis.decider import derived_id
from localchat.client import ChatClient, ChatError, buttons_of
from services.cli.story.pictures import paper
from services.registry.decider.identity import check_digit
from services.registry.editions import read_edition
from tests.drills.people import People
from tuopin.funding.v1 import ledger_pb2 as ledger
from tuopin.notifier.v1 import assignment_pb2 as task
from tuopin.notifier.v1.link_pb2 import GetLink, IssueLink
from tuopin.planning.v1 import plan_pb2 as plan
from tuopin.registry.v1 import household_pb2 as household
from tuopin.registry.v1.region_pb2 import AdoptRegions
from tuopin.training.v1 import cadre_pb2 as cadre
from tuopin.types.v1.types_pb2 import Consent, Edition, Paper

T = TypeVar("T")

COUNTY, TOWNSHIP, VILLAGE = "433124", "433124110", "433124110226"
ON = "2026-01-01"
# Each has a chat of its own: the bot writes once a second to one.
HELPERS = 4
# Far from the people of the story, who may have played on the same system before.
FIRST_PERSON = 90_001
PATIENCE_S = 90.0
PAUSE_S = 0.05
# A tap whose answer was lost is made again.
TAP_AGAIN_S = 3.0
# A day after the message was sent, or after it should have been.
REMINDED_AFTER_H = 29.0
# Households that only make events are numbered from here on.
TOUCHED_FROM = 5_000
CAUSES = (household.CAUSE_LACK_OF_LAND, household.CAUSE_MARRIAGE, household.CAUSE_OTHER)


class NotWithin(AssertionError):
    """Something that had to happen did not; the text names it."""


class Workload:
    """One stage of people, their chats and what they have done so far."""

    def __init__(
        self, people: People, chat_url: str, clock_offset_file: Path, seed: int = 0
    ) -> None:
        self.people = people
        self.seed = seed
        self.lives = 0
        self.touches = 0
        self._clock_offset_file = clock_offset_file
        self._loop = asyncio.Runner()
        self.chat = self._loop.run(_client(chat_url))

    def close(self) -> None:
        self._loop.run(self.chat.aclose())
        self._loop.close()
        self.people.close()

    # --- the beginning

    def prepare(self) -> None:
        """Regions, a first secretary with several chats, a specialist."""
        self._adopt()
        for number in range(HELPERS):
            self._cadre(number)

    def _adopt(self) -> None:
        shipped = read_edition("regions-cn-2023")
        edition = Edition(name=shipped.name, sha256=shipped.sha256, count=shipped.count)
        command_id = self._id("adopt")
        adopt = AdoptRegions(command_id=command_id, edition=edition, effective_on=ON)
        self.people.ask("registry", "AdoptRegions", adopt)

    def _cadre(self, number: int) -> None:
        cadre_id = self.helper(number)
        appoint = cadre.AppointCadre(
            command_id=self._id("appoint", number),
            cadre_id=cadre_id,
            region_id=COUNTY,
            name=f"演练{number}",
            language="zh",
            effective_on=ON,
        )
        self.people.ask("training", "AppointCadre", appoint)
        move = cadre.PostCadre(
            command_id=self._id("post", number),
            cadre_id=cadre_id,
            region_id=VILLAGE,
            post=cadre.POST_FIRST_SECRETARY,
            effective_on=ON,
        )
        self.people.ask("training", "PostCadre", move)
        self._link(number, cadre_id)

    def _link(self, number: int, cadre_id: str) -> None:
        code = f"{self._id('code', number)}".replace("-", "")
        issue = IssueLink(
            command_id=self._id("link", number),
            cadre_id=cadre_id,
            code_sha256=hashlib.sha256(code.encode()).hexdigest(),
        )
        self.people.ask("notifier", "IssueLink", issue)
        person = self.person(number)
        self.act(lambda: self.chat.person(person, f"演练 {number}"))
        self.act(lambda: self.chat.say(person, f"/start {code}"))
        question, data = self.until(
            f"chat {number} is asked", lambda: self._button(person, ":yes:")
        )
        self.act(lambda: self.chat.tap(person, question["message_id"], data))
        link = GetLink(cadre_id=cadre_id)
        self.until(f"chat {number} is linked", lambda: self._linked(link))

    def _linked(self, link: GetLink) -> bool:
        found = self.people.find("notifier", "GetLink", link)
        return bool(found and found.linked)

    # --- a life

    def life(self, *, finish: bool = True) -> str:
        """A household, its plan, a reminder, the visit. Unfinished, its task stays open."""
        number = self.lives
        self.lives += 1
        household_id = self._register(number)
        drafted = self.until(f"plan of life {number}", lambda: self.plan(household_id))
        self._agree(number, household_id, drafted)
        found = self.until(f"task of life {number}", lambda: self.task(household_id))
        person = self.person(number % HELPERS)
        self.message(person, found.assignment_id, ":ack:")
        if not finish:
            return household_id
        self.pass_hours(REMINDED_AFTER_H)
        self.until(f"reminder of life {number}", lambda: self.is_so(household_id, reminded=True))
        taken = (task.ASSIGNMENT_STATUS_ACKNOWLEDGED,)
        self.tap_until(person, found.assignment_id, ":ack:", household_id, taken)
        message = self.message(person, found.assignment_id, ":done:")
        reply_to = message["message_id"]
        self.act(lambda: self.chat.say(person, f"演练走访 {number}", reply_to=reply_to))
        picture = paper(f"visit {self.seed} {number}")
        self.act(lambda: self.chat.photo(person, picture, reply_to=reply_to))
        self.until(f"proofs of life {number}", lambda: self.is_so(household_id, evidence_count=2))
        done = (task.ASSIGNMENT_STATUS_DONE, task.ASSIGNMENT_STATUS_VERIFIED)
        self.tap_until(person, found.assignment_id, ":done:", household_id, done)
        verified = task.ASSIGNMENT_STATUS_VERIFIED
        self.until(f"life {number} is verified", lambda: self.is_so(household_id, status=verified))
        return household_id

    def _register(self, number: int) -> str:
        command = household.RegisterHousehold(
            command_id=self._id("register", number),
            source=COUNTY,
            household_number=f"D{self.seed}-{number}",
            village_id=VILLAGE,
            attribute=household.ATTRIBUTE_ORDINARY_POOR,
            main_cause=CAUSES[number % len(CAUSES)],
            members=[_member(self.seed, number, each) for each in range(1 + number % 3)],
            living_conditions=household.LivingConditions(housing_safety=household.HOUSING_SAFETY_B),
            income=household.Income(year=2025, wages_fen=100_000),
            address=f"演练地址{number}号",
            effective_on=ON,
            synthetic=True,
        )
        receipt = self.people.ask("registry", "RegisterHousehold", command)
        return str(receipt.stream.removeprefix("household-"))

    def _agree(self, number: int, household_id: str, drafted: Any) -> None:
        put = household.PutEvidence(household_id=household_id, data=paper(f"consent {number}"))
        picture = self.people.ask("registry", "PutEvidence", put)
        signed = Paper(picture=picture, witness="演练见证人", household_id=household_id)
        consent = Consent(given_by=drafted.member_ids[0], given_on=ON, paper=signed)
        agree = plan.ConsentToPlan(
            command_id=self._id("consent", number), plan_id=drafted.plan_id, consent=consent
        )
        self.people.ask("planning", "ConsentToPlan", agree)
        approve = plan.ApprovePlan(
            command_id=self._id("approve", number),
            plan_id=drafted.plan_id,
            helper_id=self.helper(number % HELPERS),
        )
        self.people.ask("planning", "ApprovePlan", approve)

    def plan(self, household_id: str) -> Any:
        return self.people.find("planning", "GetPlan", plan.GetPlan(reference=household_id))

    def task(self, household_id: str) -> Any:
        request = task.ListAssignments(region_id=COUNTY, household_id=household_id)
        page = self.people.ask("notifier", "ListAssignments", request)
        return next((a for a in page.assignments if a.kind == "first-visit"), None)

    def is_so(self, household_id: str, **wanted: Any) -> bool:
        found = self.task(household_id)
        return all(getattr(found, name) >= value for name, value in wanted.items())

    def tap_until(
        self,
        person: int,
        assignment_id: str,
        action: str,
        household_id: str,
        statuses: tuple[Any, ...],
    ) -> None:
        tapped_at = 0.0

        def tried() -> bool:
            nonlocal tapped_at
            if self.task(household_id).status in statuses:
                return True
            if time.monotonic() - tapped_at > TAP_AGAIN_S:
                found = self._shown(person, assignment_id, action)
                if found:
                    message, data = found
                    # The bot may have changed the button since it was read.
                    with contextlib.suppress(ChatError):
                        self.act(lambda: self.chat.tap(person, message["message_id"], data))
                        tapped_at = time.monotonic()
            return False

        self.until(f"{action} of {assignment_id}", tried)

    def message(self, person: int, assignment_id: str, action: str) -> dict[str, Any]:
        what = f"a message with {action} about {assignment_id}"
        message, _ = self.until(what, lambda: self._shown(person, assignment_id, action))
        return message

    def _shown(
        self, person: int, assignment_id: str, action: str
    ) -> tuple[dict[str, Any], str] | None:
        """The latest message with this button, and what the button carries."""
        return self._button(person, f"{action}{short_of(assignment_id)}:")

    def _button(self, person: int, wanted: str) -> tuple[dict[str, Any], str] | None:
        for message in reversed(self.act(lambda: self.chat.messages(person))):
            for button in buttons_of(message):
                if wanted in button.get("callback_data", ""):
                    return message, button["callback_data"]
        return None

    def touch_every_service(self) -> None:
        """Something new in every service: a household (and its plan), a session, money, a link."""
        self.touches += 1
        number = self.touches
        self._register(TOUCHED_FROM + number)
        session = cadre.ScheduleSession(
            command_id=self._id("session", number),
            session_id=self._id("session-of", number),
            region_id=COUNTY,
            course="household-files",
            hours=40,
            places=10,
            held_on=ON,
        )
        self.people.ask("training", "ScheduleSession", session)
        money = ledger.AppropriateMoney(
            command_id=self._id("money", number),
            region_id="43",
            year=2026,
            source=ledger.SOURCE_CENTRAL,
            amount_fen=100,
            document=f"drill-{number}",
        )
        self.people.ask("funding", "AppropriateMoney", money)
        link = IssueLink(
            command_id=self._id("spare-link", number),
            cadre_id=self.helper(number % HELPERS),
            code_sha256=hashlib.sha256(str(number).encode()).hexdigest(),
        )
        self.people.ask("notifier", "IssueLink", link)

    # --- tools

    def helper(self, number: int) -> str:
        """cadre_id of a helper."""
        return derived_id("drill", self.seed, "cadre", number)

    def person(self, number: int) -> int:
        """The helper's number in the chat."""
        return FIRST_PERSON + number

    def pass_hours(self, hours: float) -> None:
        """Let time pass for the running system, or set its clock back."""
        path = self._clock_offset_file
        already = float(path.read_text()) if path.exists() else 0.0
        fresh = path.with_suffix(".new")
        fresh.write_text(f"{already + hours * 3600}\n")
        fresh.replace(path)

    def act(self, doing: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Let a person act in the chat, again when the provider was busy."""
        for _ in range(5):
            try:
                return self._loop.run(doing())
            except httpx.TransportError:
                time.sleep(PAUSE_S)
            except ChatError as error:
                if "429" not in str(error):
                    raise
                time.sleep(1)
        return self._loop.run(doing())

    def until(self, what: str, probe: Callable[[], T | None]) -> T:
        """Wait until the probe gives something; NotWithin names what never came."""
        end = time.monotonic() + PATIENCE_S
        while True:
            found = probe()
            if found:
                return found
            if time.monotonic() > end:
                raise NotWithin(f"not within {PATIENCE_S:.0f} s: {what}")
            time.sleep(PAUSE_S)

    def _id(self, *parts: object) -> str:
        return derived_id("drill", self.seed, *parts)


def short_of(assignment_id: str) -> str:
    """An assignment's id as buttons carry it."""
    return base64.urlsafe_b64encode(uuid.UUID(assignment_id).bytes).decode().rstrip("=")


def _member(seed: int, life: int, number: int) -> household.Member:
    body = f"99{seed % 10_000:04d}1980{1 + number:02d}{1 + life % 28:02d}{life // 28 % 1000:03d}"
    return household.Member(
        name=f"演练{life}之{number}",
        identity_number=body + check_digit(body),
        phone=f"000{life:04d}{number:04d}",
        relation=household.RELATION_HEAD if number == 0 else household.RELATION_CHILD,
        birth_year=1980,
        sex=household.SEX_FEMALE,
        health=household.HEALTH_HEALTHY,
        labour=household.LABOUR_ORDINARY,
    )


async def _client(url: str) -> ChatClient:
    return ChatClient(url)
