"""Does what was understood, one command at most, and says what came of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog
from google.protobuf.message import Message

from chassis.failpoints import failpoint
from services.notifier.chat import members
from services.notifier.chat.answers import LISTS, Answers, Wanted
from services.notifier.chat.catalogue import Catalogue
from services.notifier.chat.commands import Commands, Declined
from services.notifier.chat.incoming import Incoming, Shared, Started, Tapped
from services.notifier.chat.linking import DIFFERENT, Linking
from services.notifier.chat.outcomes import ProviderAway
from services.notifier.chat.people import People
from services.notifier.chat.pictures import MEBIBYTE, PICTURE_BYTES_MAX
from services.notifier.chat.provider import Provider
from services.notifier.chat.talks import Talks
from services.notifier.chat.taps import Tap
from services.notifier.chat.tasks import Shown, short_cadre
from services.notifier.chat.understanding import Understood, command_of
from services.notifier.page.tokens import code_digest
from tuopin.types.v1.types_pb2 import Position

# What is said when a command is done.
DONE = {
    "take": "tap.taken",
    "done": "tap.done",
    "decline": "decline.done",
    "snooze": "snooze.done",
    "note": "evidence.note",
    "photo": "evidence.photo",
    "place": "evidence.location",
    "language": "language.done",
    "confirm": "link.done",
}
COMMANDS = ("today", "tasks", "household", "language", "help")
SUPERVISOR_COMMANDS = ("overdue", "team")
# The question stands in a message of its own: the outcome takes its place.
IN_PLACE = ("decline", "snooze", "language", "confirm", "not-me")
# Said in a message of its own, not in the short word after a tap.
IN_FULL = ("why", "when", "prove", "details", "which-task", "languages", *LISTS)

log = structlog.get_logger(__name__)

# Somebody's command stands in the log from here on.
Wrote = Callable[[str, Position], None]


@dataclass(frozen=True, slots=True)
class Said:
    """What to say, in place of which message of ours, and to whom besides."""

    shown: Shown
    instead_of: int = 0
    elsewhere: tuple[tuple[str, Shown], ...] = ()
    in_full: bool = False
    # What the person sent is on record now.
    kept: bool = False


class Performer:
    """One update at a time of each chat."""

    def __init__(
        self,
        provider: Provider,
        commands: Commands,
        people: People,
        answers: Answers,
        linking: Linking,
        talks: Talks,
        page_address: str,
    ) -> None:
        self._provider = provider
        self._commands = commands
        self._people = people
        self._answers = answers
        self._linking = linking
        self._talks = talks
        self._page_address = page_address

    async def said(self, incoming: Incoming, understood: Understood, wrote: Wrote) -> Said:
        """Do it, and return what to say."""
        catalogue = await self._catalogue(incoming, understood)
        said = await self._performed(incoming, understood, catalogue, wrote)
        tapped = incoming.doing if isinstance(incoming.doing, Tapped) else None
        if tapped is None or said.shown.below:
            return said
        if understood.do in IN_PLACE:
            return replace(said, instead_of=tapped.provider_message_id)
        if understood.do in LISTS and not tapped.reference:
            return replace(said, instead_of=tapped.provider_message_id, in_full=True)
        return replace(said, in_full=understood.do in IN_FULL)

    async def _performed(
        self, incoming: Incoming, understood: Understood, catalogue: Catalogue, wrote: Wrote
    ) -> Said:
        shown = await self._asked(incoming, understood, catalogue)
        if shown is not None:
            return Said(shown)
        if understood.do == "member-page" and not self._page_address:
            return Said(Shown(catalogue.text("voice.no-page")))
        command = self._command(incoming, understood)
        if command is None:
            most = PICTURE_BYTES_MAX // MEBIBYTE
            return Said(Shown(catalogue.text(understood.say, most=most)))
        confirms = understood.do == "confirm"
        before = await self._people.chat_of(understood.cadre_id) if confirms else ""
        failpoint("bot.before-command")
        try:
            receipt = await self._commands.do(command, understood.cadre_id or understood.person_id)
        except Declined as declined:
            return Said(self._why(declined, catalogue))
        failpoint("bot.after-command")
        if receipt.HasField("position") and receipt.position.topic == "task":
            wrote(incoming.source.chat_id, receipt.position)
        return await self._done(incoming, understood, catalogue, before)

    async def _asked(
        self, incoming: Incoming, understood: Understood, catalogue: Catalogue
    ) -> Shown | None:
        """What is only to be looked up or begun; None when a command is to follow."""
        cadre_id, answers = understood.cadre_id, self._answers
        tap = Tap("", understood.assignment_id, understood.turn)
        match understood.do:
            case list_name if list_name in LISTS:
                about = (understood.choice, understood.assignment_id)
                wanted = Wanted(cadre_id, list_name, understood.turn, *about)
                return await answers.listed(wanted, catalogue)
            case "details":
                return await answers.details(understood.assignment_id, cadre_id, catalogue)
            case "why":
                return await answers.reasons(tap, catalogue)
            case "when":
                return await answers.times(tap, catalogue)
            case "languages":
                return await answers.languages(catalogue)
            case "which-task":
                return await answers.which_task(cadre_id, catalogue)
            case "prove":
                await self._talks.begin(incoming.source.chat_id, understood.assignment_id)
                return Shown(catalogue.text("evidence.begun"))
            case "not-me":
                await self._linking.forget(incoming.source.chat_id)
                return Shown(catalogue.text("link.not-me"))
            case "bad-code":
                return Shown(self._people.sentence("link-code-not-known", catalogue, {}))
            case _:
                return None

    async def _done(
        self,
        incoming: Incoming,
        understood: Understood,
        catalogue: Catalogue,
        before: str,
    ) -> Said:
        cadre_id, chat_id = understood.cadre_id, incoming.source.chat_id
        if understood.do in members.DONE:
            key = members.DONE[understood.do]
            return Said(Shown(catalogue.text(key, url=self._page_url(incoming))), kept=True)
        if isinstance(incoming.doing, Started):
            await self._linking.ask(chat_id, cadre_id, code_digest(incoming.doing.code))
            return Said(await self._linking.question(cadre_id, catalogue), kept=True)
        if understood.do == "confirm" and understood.proof == DIFFERENT:
            return Said(Shown(catalogue.text("link.other-phone")), kept=True)
        if understood.do == "language":
            catalogue = self._people.catalogue_in(understood.choice)
            await self._name_commands(cadre_id, chat_id, catalogue)
        if understood.do == "confirm":
            return await self._linked(incoming, cadre_id, before)
        return Said(Shown(catalogue.text(understood.say or DONE[understood.do])), kept=True)

    async def _linked(self, incoming: Incoming, cadre_id: str, before: str) -> Said:
        """The language is the cadre's own from now on; the chat that had it before hears of it."""
        chat_id = incoming.source.chat_id
        catalogue = await self._people.catalogue(cadre_id)
        await self._linking.forget(chat_id)
        await self._name_commands(cadre_id, chat_id, catalogue)
        moved = Shown(catalogue.text("link.moved"))
        elsewhere = ((before, moved),) if before and before != chat_id else ()
        below = "none" if isinstance(incoming.doing, Shared) else ""
        done = Shown(catalogue.text(DONE["confirm"]), below=below)
        return Said(done, elsewhere=elsewhere, kept=True)

    async def _name_commands(self, cadre_id: str, chat_id: str, catalogue: Catalogue) -> None:
        """What this person's client offers behind the slash, in their language."""
        supervises = await self._answers.supervised(cadre_id)
        names = (*SUPERVISOR_COMMANDS, *COMMANDS) if supervises else COMMANDS
        try:
            await self._provider.set_commands("", named(names, catalogue), chat_id)
        except ProviderAway as away:  # the ones of all chats stay
            log.warning("bot.commands-not-named", reason=str(away))

    async def _catalogue(self, incoming: Incoming, understood: Understood) -> Catalogue:
        language = incoming.source.language
        if understood.person_id:
            ids = (understood.household_id, understood.person_id)
            return await self._people.catalogue_of_member(*ids, language)
        return await self._people.catalogue(understood.cadre_id, language)

    def _command(self, incoming: Incoming, understood: Understood) -> Message | None:
        bot_id = self._provider.bot_id
        if understood.person_id:
            ids = (understood.household_id, understood.person_id)
            return members.command_of(understood.do, bot_id, incoming, *ids, self._people.sign)
        return command_of(bot_id, incoming, understood)

    def _page_url(self, incoming: Incoming) -> str:
        """The address of the page that this update opened."""
        update_id = incoming.source.update_id
        token = members.token_of(self._provider.bot_id, update_id, self._people.sign)
        return f"{self._page_address}/h/{token}"

    def _why(self, declined: Declined, catalogue: Catalogue) -> Shown:
        details = dict(declined.details)
        if "cadre" in details:
            details["cadre"] = short_cadre(details["cadre"])
        sentence = self._people.sentence(declined.slug, catalogue, details)
        needs_phone = declined.slug == "link-needs-phone"
        return Shown(sentence, below=catalogue.plain("button.phone") if needs_phone else "")


def named(names: Sequence[str], catalogue: Catalogue) -> list[tuple[str, str]]:
    """Commands with their descriptions."""
    return [(name, catalogue.texts[f"command.{name}"]) for name in names]
