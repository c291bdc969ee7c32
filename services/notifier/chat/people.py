"""Who is who in the chat: from a chat to its cadre and back, and in which language."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from chassis.sealing import Sealer
from chassis.viewstore import ViewStore
from services.notifier.chat.catalogue import Catalogue, chosen, joined
from services.notifier.chat.places import Places
from services.notifier.chat.tasks import Shown, Wording, shown_digest
from services.notifier.views.assignments import open_of
from services.notifier.views.cadres import language_of
from services.notifier.views.links import link_row
from services.notifier.views.voice import household_link
from tuopin.notifier.v1.link_pb2 import ChatLinked, FindLink, LinkFound
from tuopin.notifier.v1.voice_pb2 import HouseholdChatLinked

# Asks the service's own server: a claim holds from its commit on, while a view may be behind.
Find = Callable[[FindLink], Awaitable[LinkFound]]
# Sentence of a slug in a language (Programme.sentence).
Say = Callable[[str, str, Mapping[str, object]], str]


# Counted in a digest; nobody has more.
DIGEST_MAX = 2_000


class People:
    """Looked up anew for every tap: a link may have moved since the last one."""

    def __init__(
        self,
        views: ViewStore,
        sealer: Sealer,
        find: Find,
        catalogues: Mapping[str, Catalogue],
        places: Places,
        say: Say,
        *,
        choices: bool = False,
    ) -> None:
        self._views = views
        self._sealer = sealer
        self._catalogues = catalogues
        self._find = find
        self.places = places
        self._say = say
        self._choices = choices

    async def whose_chat(self, chat_id: str) -> LinkFound:
        """The cadre or member whose chat it is; empty when nobody's."""
        return await self._find(FindLink(chat_id=chat_id))

    async def whose_code(self, code_sha256: str) -> LinkFound:
        """The cadre or member who may use the code; empty when nobody may (any more)."""
        return await self._find(FindLink(code_sha256=code_sha256))

    async def catalogue_of_member(
        self, household_id: str, person_id: str, language: str = ""
    ) -> Catalogue:
        """The language the member linked with, else the one their client speaks."""

        def find(connection: Connection) -> str:
            row = household_link(connection, household_id, person_id)
            return row.language or "" if row is not None else ""

        return chosen(self._catalogues, await self._views.query(find) or language)

    def catalogue_in(self, language: str) -> Catalogue:
        """The catalogue of a language."""
        return chosen(self._catalogues, language)

    async def catalogue(self, cadre_id: str, language: str = "") -> Catalogue:
        """The language chosen in the chat, else the cadre's own, else that of their client."""
        own = await self._views.query(partial(_language, cadre_id))
        return chosen(self._catalogues, own or language)

    async def chat_of(self, cadre_id: str) -> str:
        """The cadre's chat, "" while none is linked or the cadre is erased."""
        row = await self._views.query(lambda connection: link_row(connection, cadre_id))
        return await self.opened(cadre_id, row.chat_id or "") if row is not None else ""

    async def opened(self, cadre_id: str, sealed_chat_id: str) -> str:
        """The chat's number out of its sealed form."""
        if not sealed_chat_id:
            return ""
        linked = ChatLinked(cadre_id=cadre_id, chat_id=sealed_chat_id)
        await self._sealer.opening([linked])
        self._sealer.open(linked)
        return linked.chat_id

    async def opened_member(self, household_id: str, person_id: str, sealed_chat_id: str) -> str:
        """The number of a member's chat out of its sealed form."""
        if not sealed_chat_id:
            return ""
        linked = HouseholdChatLinked(
            household_id=household_id, person_id=person_id, chat_id=sealed_chat_id
        )
        await self._sealer.opening([linked])
        self._sealer.open(linked)
        return linked.chat_id

    async def asked(self, message: Row[Any]) -> Shown:
        """That something waits for the household's own word; all else stands on its page."""
        catalogue = await self.catalogue_of_member(message.household_id, message.cadre_id)
        headline = catalogue.texts[f"voice.asked-{message.template}"]
        title = catalogue.text("task.title", headline=headline, reference=message.reference)
        return Shown(joined([title, catalogue.text("voice.asked")]))

    async def words(self, assignment: Row[Any], cadre_id: str) -> Wording:
        """What it takes to show an assignment to a cadre."""
        catalogue = await self.catalogue(cadre_id)
        slug = assignment.returned_slug or ""
        return Wording(
            catalogue=catalogue,
            sign=self._sealer.blind,
            place=await self.places.name(assignment.village_id),
            reason=self.sentence(slug, catalogue, {}) if slug else "",
            choices=self._choices,
        )

    async def digest(self, message: Row[Any], now_us: int) -> Shown:
        """The day's one message, with what is open at this moment."""
        cadre_id = message.cadre_id
        rows = await self._views.query(
            lambda connection: open_of(connection, cadre_id, most=DIGEST_MAX)
        )
        words = Wording(await self.catalogue(cadre_id), self._sealer.blind, "")
        return shown_digest(rows, message.reference, now_us, words)

    def sentence(self, slug: str, catalogue: Catalogue, details: Mapping[str, object]) -> str:
        """Why a rule said no, in the catalogue's language."""
        return self._say(slug, catalogue.language, details)

    def sign(self, kind: str, text: str) -> bytes:
        """The keyed digest that makes a button's data ours."""
        return self._sealer.blind(kind, text)


def _language(cadre_id: str, connection: Connection) -> str:
    link = link_row(connection, cadre_id)
    chosen_here = str(link.language or "") if link is not None else ""
    return chosen_here or language_of(connection, cadre_id)
