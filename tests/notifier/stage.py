"""The whole notifier on loopback: gRPC server, store, views, reactions, deadlines, local chat.

Other services' events are written by hand. The bot runs as a task here, or as a process of its own
that a test may kill.
"""

import asyncio
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf.message import Message

from chassis.access import Tokens
from chassis.blobs import BlobFolder
from chassis.client import Client, connect
from chassis.clock import OffsetClock
from chassis.envelope import event_of, parse
from chassis.handle import Handler
from chassis.keys import SqliteKeys
from chassis.lanes import LANES_PER_TOPIC
from chassis.programme import Programme
from chassis.sealing import Sealer
from chassis.sending import targets
from chassis.settings import DEMO_OVERLAY, Settings
from chassis.store import Append, NewEvent, SqliteStore, StreamWrite
from chassis.viewstore import ViewStore
from localchat import persons
from localchat.client import ChatClient
from localchat.server import LocalChat
from services.notifier.bot import run_bot
from services.notifier.worker import SERVICE
from services.wiring import WorkParts
from tuopin.envelope.v1.envelope_pb2 import Envelope
from tuopin.notifier.v1.assignment_pb2 import Assignment, ListAssignments
from tuopin.notifier.v1.link_pb2 import GetLink, IssueLink, LinkChat
from tuopin.planning.v1.plan_pb2 import PlanApproved
from tuopin.registry.v1.household_pb2 import HouseholdRegistered, Member, Relation
from tuopin.training.v1.cadre_pb2 import CadreAppointed, CadrePosted, Post

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
MASTER_KEY = bytes(range(32))
TOKEN_SECRET = "only for tests, thirty-two bytes of it"
BOT_TOKEN = "4242:notifier-test-token"
FOREIGN = ("household", "region", "plan", "fund", "cadre", "training")
WAIT_S = 60.0
VILLAGE, TOWNSHIP, COUNTY = "433124110226", "433124110", "433124"
HELPER, SPECIALIST = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
PERSONS = {HELPER: 1001, SPECIALIST: 1002}
# Read once for all stages: it never changes.
PROGRAMME = Programme.load(ROOT / "programme", DEMO_OVERLAY)
NAME = "CANARY-NAME"
PHONE = "13900055599"


class Stage:
    """The notifier as tests see it."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.settings = Settings(data=folder, **settings)
        self.offset_file = folder / "clock-offset"
        self.clock = OffsetClock(self.offset_file)
        self.tokens = Tokens(TOKEN_SECRET)
        self.keys = SqliteKeys(folder / "keys.db", MASTER_KEY)
        self.sealer = Sealer(self.keys, MASTER_KEY)
        self.programme = PROGRAMME
        self.store = SqliteStore(folder / "events.db", SERVICE.topics, self.clock)
        self.foreign = SqliteStore(folder / "foreign.db", FOREIGN, self.clock)
        self.views = views_of(folder, self.clock, self.programme)
        self.versions: dict[str, int] = {}
        self.address = ""
        self.clients: dict[tuple[str, ...], Client] = {}
        # What the store's lanes have held so far, each lane read on from where it ended.
        self._stored: dict[tuple[str, int], list[Envelope]] = {}
        self.chat: LocalChat
        self.handler: Handler
        self.people: ChatClient
        self._bot: asyncio.Task[None] | None = None

    def client(self, *roles: str, language: str = "en") -> Client:
        """One for each kind of caller: a test that waits asks fifty times a second."""
        key = (language, *roles)
        if key not in self.clients:
            token = self.tokens.issue("office", roles, ttl_s=600)
            purpose = "" if roles == ("service@",) else "case-work"
            self.clients[key] = connect(self.address, token, language, purpose=purpose)
        return self.clients[key]

    async def ask(self, request: Message, *roles: str) -> Any:
        return await self.client(*(roles or (f"county-office@{COUNTY}",))).call(request)

    # --- other services

    async def hear(self, topic: str, stream: str, event: Message) -> Envelope:
        """Another service's event, sealed as it would be, and applied to our views."""
        sealed = type(event)()
        sealed.CopyFrom(event)
        await self.sealer.prepare([sealed])
        self.sealer.seal(sealed, keep_sealed=True)
        version = self.versions.get(stream, 0)
        data = sealed.SerializeToString(deterministic=True)
        on = getattr(event, "effective_on", "") or "2020-01-01"
        new = NewEvent(event.DESCRIPTOR.full_name, data, on)
        receipt = await self.foreign.append(
            Append(
                command_id=f"{stream}@{version}",
                digest=b"",
                writes=(StreamWrite(topic, stream, version, (new,)),),
            )
        )
        self.versions[stream] = version + 1
        await self.views.wait_for([view.name for view in SERVICE.views], receipt.position, WAIT_S)
        return parse((await self.foreign.load(stream))[-1].envelope)

    async def appoint(self, cadre_id: str, post: int, region_id: str, language: str = "zh") -> None:
        await self.hear(
            "cadre",
            f"cadre-{cadre_id}",
            CadreAppointed(
                cadre_id=cadre_id,
                region_id=COUNTY,
                name="CANARY-CADRE",
                phone=PHONE,
                language=language,
            ),
        )
        posted = CadrePosted(cadre_id=cadre_id, region_id=region_id, post=post)  # type: ignore[arg-type]
        await self.hear("cadre", f"cadre-{cadre_id}", posted)

    async def appoint_both(self, language: str = "zh") -> None:
        await self.appoint(HELPER, Post.POST_HELPER, VILLAGE, language)
        await self.appoint(SPECIALIST, Post.POST_TOWNSHIP_SPECIALIST, TOWNSHIP, language)

    async def register(
        self, household_id: str = "h-1", number: str = "0001", *, news: bool = False
    ) -> None:
        head = Member(person_id=f"{household_id}-head", name=NAME, relation=Relation.RELATION_HEAD)
        event = HouseholdRegistered(
            household_id=household_id,
            household_number=number,
            village_id=VILLAGE,
            members=[head],
            # Known from before: what is new makes a task.
            import_id="" if news else "earlier",
        )
        await self.hear("household", f"household-{household_id}", event)

    async def approve_plan(self, household_id: str = "h-1", helper_id: str = HELPER) -> Assignment:
        """A plan in force, and the assignment that follows."""
        plan_id = f"plan-of-{household_id}"
        event = PlanApproved(
            plan_id=plan_id,
            household_id=household_id,
            village_id=VILLAGE,
            helper_id=helper_id,
            effective_on="2020-01-01",
        )
        await self.hear("plan", f"plan-{plan_id}", event)
        return await self.until(partial(self._of_household, household_id))

    async def offered(self, count: int = 1) -> list[Assignment]:
        """So many households with a first visit for the helper."""
        found = []
        for number in range(1, count + 1):
            await self.register(f"h-{number}", f"{number:04}")
            found.append(await self.approve_plan(f"h-{number}"))
        return found

    async def _of_household(self, household_id: str) -> Assignment | None:
        return next((a for a in await self.assignments() if a.household_id == household_id), None)

    # --- what came of it

    async def assignments(self, **query: Any) -> list[Assignment]:
        page = await self.ask(ListAssignments(region_id=COUNTY, page_size=1000, **query))
        return list(page.assignments)

    async def assignment(self, assignment_id: str) -> Assignment:
        return next(a for a in await self.assignments() if a.assignment_id == assignment_id)

    async def until(self, look: Callable[[], Any], wait_s: float = WAIT_S) -> Any:
        """Ask again until there is an answer."""
        async with asyncio.timeout(wait_s):
            while True:
                if found := await look():
                    return found
                await asyncio.sleep(0.02)

    async def until_assignment(
        self, assignment_id: str, good: Callable[[Assignment], object], wait_s: float = WAIT_S
    ) -> Assignment:
        async def look() -> Assignment | None:
            found = await self.assignment(assignment_id)
            return found if good(found) else None

        found: Assignment = await self.until(look, wait_s)
        return found

    async def events(self, *kinds: type[Any]) -> list[Any]:
        """What the service has stored, lane by lane, as stored."""
        return [event for _, event in await self.envelopes(*kinds)]

    async def envelopes(self, *kinds: type[Any]) -> list[tuple[Envelope, Any]]:
        for head in await self.store.heads():
            read = self._stored.setdefault((head.topic, head.partition), [])
            begin = len(read)
            if head.position > begin:
                after = await self.store.read(head.topic, head.partition, begin, 100_000)
                # Unless somebody else read the same meanwhile.
                read[begin:] = [parse(record.envelope) for record in after]
        wanted = {kind.DESCRIPTOR.full_name for kind in kinds}
        return [
            (envelope, event_of(envelope))
            for topic in SERVICE.topics
            for partition in range(LANES_PER_TOPIC)
            for envelope in self._stored.get((topic, partition), ())
            if not wanted or envelope.type in wanted
        ]

    async def pass_hours(self, hours: float) -> None:
        already = float(self.offset_file.read_text()) if self.offset_file.exists() else 0.0
        fresh = self.offset_file.with_suffix(".new")
        fresh.write_text(str(already + hours * 3600))
        fresh.replace(self.offset_file)
        await asyncio.sleep(2 * OffsetClock.LOOK_EVERY_S)

    # --- the chat

    async def link(self, cadre_id: str = HELPER, language: str = "zh") -> int:
        """The cadre's private chat, linked as in life."""
        person = PERSONS[cadre_id]
        await self.people.person(person, "somebody", language)
        code = await self.code(cadre_id)
        await self.people.say(person, f"/start {code}")
        question = await self.task_message(person, ":yes:")
        if cadre_id == SPECIALIST:
            await self.people.contact(person, f"+86 {PHONE}")
        else:
            await self.press(person, question, "yes")

        async def look() -> bool:
            return bool((await self.ask(GetLink(cadre_id=cadre_id))).linked)

        await self.until(look)
        return person

    async def code(self, cadre_id: str = HELPER) -> str:
        code = secrets.token_urlsafe(32)
        digest = hashlib.sha256(code.encode()).hexdigest()
        issue = IssueLink(command_id=digest, cadre_id=cadre_id, code_sha256=digest)
        await self.ask(issue, f"training-office@{COUNTY}")
        return code

    async def task_message(self, person: int, *parts: str, after: int = 0) -> dict[str, Any]:
        """A message of the bot whose text or buttons hold all of these."""

        def wanted(message: dict[str, Any]) -> bool:
            return message["from"]["is_bot"] and all(part in str(message) for part in parts)

        return await self.people.wait_for_message(person, wanted, WAIT_S, after=after)

    async def press(self, person: int, message: dict[str, Any], action: str) -> str:
        """Tap the button of this action; the answer's text."""
        shown = await self.task_message(
            person, f"1:{action}:", f"'message_id': {message['message_id']},"
        )
        data = next(
            button["callback_data"]
            for row in shown["reply_markup"]["inline_keyboard"]
            for button in row
            if f":{action}:" in button["callback_data"]
        )
        query = await self.people.tap(person, shown["message_id"], data)
        answer = await self.people.wait_for_answer(person, query, WAIT_S)
        return str(answer["text"])

    def provider(self) -> Any:
        """The provider's own side of the wire."""
        return self.chat._app.state.service  # type: ignore[union-attr]

    def bring(self, kind: str, body: dict[str, Any], update_id: int | None = None) -> None:
        """An update as the provider would bring it, or one that it brings again."""
        service = self.provider()
        with service.store.transaction():
            service.store._db.execute(
                "INSERT INTO updates (id, body, at) VALUES (?, ?, ?)",
                (update_id, json.dumps({kind: body}), service.clock()),
            )
        service.for_bot.ring()

    async def link_directly(self, cadre_id: str = HELPER) -> int:
        """The chat linked without a bot."""
        person = PERSONS[cadre_id]
        await self.people.person(person, "somebody", "zh", started=True)
        code = await self.code(cadre_id)
        command = LinkChat(
            command_id=f"link-{code}",
            cadre_id=cadre_id,
            code_sha256=hashlib.sha256(code.encode()).hexdigest(),
            chat_id=str(person),
        )
        receipt = await self.ask(command, "service@")
        await self.views.wait_for(("links",), receipt.position, WAIT_S)
        return person

    async def forge_tap(self, person: int, message_id: int, data: str) -> str:
        """A changed client sends what no button says; the answer's text."""
        service = self.provider()
        chat, stored = service.store.chat(person), service.store.message(person, message_id)
        with service.store.transaction():
            number = service.store.add_callback(person, message_id, service.clock())
            service.queue("callback_query", persons._callback_query(chat, stored, number, data))
        service.for_bot.ring()
        answer = await self.people.wait_for_answer(person, str(number), WAIT_S)
        return str(answer["text"])

    # --- the bot

    def parts(self) -> WorkParts:
        return WorkParts(
            settings=self.settings,
            clock=self.clock,
            programme=self.programme,
            keys=self.keys,
            sealer=self.sealer,
            blobs=BlobFolder(self.folder / "blobs", self.sealer),
            views=self.views,
            send=self.client("service@").send,
        )

    async def start_bot(self, **options: Any) -> None:
        self._bot = asyncio.create_task(
            run_bot(self.parts(), bot_url=self.chat.url, token=BOT_TOKEN, **options)
        )

    async def stop_bot(self) -> None:
        if self._bot is not None:
            self._bot.cancel()
            with suppress(asyncio.CancelledError):
                await self._bot
            self._bot = None

    async def bot_process(
        self, failpoints: str = "", lease_s: float = 0.6
    ) -> asyncio.subprocess.Process:
        """The bot alone in a process, armed or not."""
        environment = {name: each for name, each in os.environ.items() if "TUOPIN" not in name}
        environment["TUOPIN_FAILPOINT_LOG"] = str(self.folder / "failpoints.log")
        environment["TUOPIN_FAILPOINTS"] = failpoints
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.notifier.bot_process",
            str(self.folder),
            self.address,
            self.chat.url,
            str(lease_s),
            cwd=ROOT,
            env=environment,
        )


def views_of(folder: Path, clock: OffsetClock, programme: Programme) -> ViewStore:
    return ViewStore(
        str(folder / "views.db"),
        SERVICE.views,
        (*SERVICE.reactions, *SERVICE.caused(programme)),
        deadlines=SERVICE.deadlines,
        topics=(*SERVICE.topics, *FOREIGN),
        target=targets(SERVICE.deciders),
        clock=clock,
    )
