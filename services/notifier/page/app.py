"""The page's addresses. The one in the chat shows nothing by itself: whoever presses Open first
has the page, in that browser, for its minutes. A provider that looks at links sees a button.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import structlog
from google.protobuf.message import Message
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from chassis.client import CallFailed
from chassis.clock import Clock
from chassis.decider import Actor, derived_id
from chassis.handle import Handler
from chassis.problems import fault_of
from chassis.sending import reason_of
from chassis.store.model import Store
from services.notifier.decider.voicestate import (
    EXIT,
    PAGE,
    PLAN,
    POSTING,
    RECEIPT,
    Page,
    State,
    member_of,
)
from services.notifier.page.household import Households
from services.notifier.page.shown import shown
from services.notifier.page.tokens import code_digest as digest_of
from services.notifier.page.words import Words
from tuopin.notifier.v1.complaint_pb2 import FileComplaint
from tuopin.notifier.v1.voice_pb2 import (
    ClosePage,
    ConfirmPaymentArrival,
    EnterPage,
    GiveExitAgreement,
    GivePlanAgreement,
    RaisePostingObjection,
    Said,
)
from tuopin.types.v1.types_pb2 import Note

COOKIE = "tuopin_page"
BODY_MAX_BYTES = 16_384
TEXT_MAX = 2_000
TEMPLATES = Path(__file__).parent / "templates"
HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class PageParts:
    """What the page stands on."""

    handler: Handler
    store: Store
    households: Households
    words: Mapping[str, Words]
    # The keyed digest of a text.
    sign: Callable[[str, str], bytes]
    # A fresh secret.
    draw: Callable[[], str]
    clock: Clock
    secure: bool


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody at an address that is good. `entered` when the browser is the page's own."""

    token: str
    household_id: str
    person_id: str
    state: State
    page: Page
    entered: bool
    csrf: str


def create_app(parts: PageParts) -> Starlette:
    """The application; one instance per notifier."""
    return _Pages(parts).app


class _Pages:
    def __init__(self, parts: PageParts) -> None:
        self._parts = parts
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.app = Starlette(
            routes=[
                Route("/h/{token}", self._around(self.look), methods=["GET"]),
                Route("/h/{token}/open", self._around(self.open), methods=["POST"]),
                Route("/h/{token}/say", self._around(self.say), methods=["POST"]),
                Route("/h/{token}/complain", self._around(self.complain), methods=["POST"]),
                Route("/h/{token}/close", self._around(self.close), methods=["POST"]),
            ]
        )

    def _around(
        self, answer: Callable[[Request, Visit, Words], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Who is it, is it still good; and every fault is a sentence on a page."""

        async def guarded(request: Request) -> Response:
            words = self._words(request, "")
            try:
                if int(request.headers.get("content-length") or 0) > BODY_MAX_BYTES:
                    return self._told(words, words.say("fault.too-long"), 413)
                visit = await self._visit(request)
                if visit is None:
                    return self._told(words, words.sentence("page-not-open", {}), 404)
                words = self._words(request, visit.state.member(visit.person_id).language)
                return await answer(request, visit, words)
            except CallFailed as failed:
                log.warning("page.neighbour-away", code=failed.code)
                return self._told(words, words.say("fault.away"), 503)
            except Exception as error:
                fault = fault_of(error)
                if fault is None or fault.code in ("UNAVAILABLE", "ABORTED"):
                    log.warning("page.failed", reason=reason_of(error))
                    return self._told(words, words.say("fault.away"), 503)
                return self._told(words, words.sentence(fault.slug, fault.details), 409)

        return guarded

    async def look(self, request: Request, visit: Visit, words: Words) -> Response:
        """A button, or the file."""
        if not visit.entered:
            if visit.page.session_sha256:
                return self._told(words, words.sentence("page-of-another-browser", {}), 403)
            return self._page("door.html", words, visit=visit)
        file = await self._parts.households.file(visit.household_id, visit.person_id)
        return self._page(
            "file.html",
            words,
            visit=visit,
            file=shown(file, visit.state, words),
            done=request.query_params.get("done", ""),
            text_max=TEXT_MAX,
        )

    async def open(self, request: Request, visit: Visit, words: Words) -> Response:
        """This browser has the page from now on."""
        session = request.cookies.get(COOKIE, "")
        if not visit.entered:
            session = self._parts.draw()
            await self._do(
                EnterPage(
                    command_id=derived_id("enter", visit.page.page_id, digest_of(session)),
                    household_id=visit.household_id,
                    token_sha256=digest_of(visit.token),
                    session_sha256=digest_of(session),
                ),
                visit,
            )
        answer = self._back(visit, words)
        answer.set_cookie(
            COOKIE,
            session,
            path=f"/h/{visit.token}",
            httponly=True,
            samesite="strict",
            secure=self._parts.secure,
        )
        return answer

    async def say(self, request: Request, visit: Visit, words: Words) -> Response:
        """One press of a button is one word; pressed twice it is the same one."""
        form = await self._form(request, visit)
        if form is None:
            return self._told(words, words.sentence("page-not-open", {}), 403)
        subject, turn = form.get("subject", ""), form.get("turn", "")
        what = form.get("what", "")
        word: dict[str, Any] = {
            "command_id": derived_id("word", visit.page.page_id, what, subject, turn),
            "household_id": visit.household_id,
            "person_id": visit.person_id,
            "said": Said(page_id=visit.page.page_id),
        }
        match what:
            case str(kind) if kind == PLAN:
                await self._do(GivePlanAgreement(plan_id=subject, **word), visit)
            case str(kind) if kind == EXIT:
                await self._do(GiveExitAgreement(**word), visit)
            case str(kind) if kind == RECEIPT:
                await self._do(ConfirmPaymentArrival(payment_id=subject, **word), visit)
            case str(kind) if kind == POSTING:
                text = form.get("text", "").strip()
                if not text or len(text) > TEXT_MAX:
                    return self._told(words, words.say("fault.no-text", most=TEXT_MAX), 400)
                statement = Note(text=text, household_id=visit.household_id)
                objection = RaisePostingObjection(posting_id=subject, statement=statement, **word)
                await self._do(objection, visit)
            case _:
                return self._told(words, words.sentence("question-not-known", {}), 404)
        return self._back(visit, words, "said")

    async def complain(self, request: Request, visit: Visit, words: Words) -> Response:
        """Filed under a key of its own; the number tells the page where to find it again."""
        form = await self._form(request, visit)
        if form is None:
            return self._told(words, words.sentence("page-not-open", {}), 403)
        text, ordinal = form.get("text", "").strip(), form.get("ordinal", "")
        if not text or len(text) > TEXT_MAX or not ordinal.isdecimal():
            return self._told(words, words.say("fault.no-text", most=TEXT_MAX), 400)
        file = await self._parts.households.file(visit.household_id, visit.person_id)
        complaint_id = derived_id("complaint", visit.page.page_id, ordinal)
        receipt = await self._do(
            FileComplaint(
                command_id=derived_id(complaint_id, digest_of(text)),
                complaint_id=complaint_id,
                village_id=file.household.village_id,
                kind=form.get("kind", ""),
                text=text,
                complainant=f"{visit.household_id}/{visit.person_id}",
                ordinal=int(ordinal),
                anonymous=form.get("anonymous") == "1",
                household_number=file.household.household_number,
            ),
            visit,
        )
        await self._parts.households.seen(receipt)
        return self._back(visit, words, "complained")

    async def close(self, request: Request, visit: Visit, words: Words) -> Response:
        """Before its time is over."""
        form = await self._form(request, visit)
        if form is None:
            return self._told(words, words.sentence("page-not-open", {}), 403)
        command_id = derived_id("close", visit.page.page_id)
        await self._do(
            ClosePage(
                command_id=command_id, household_id=visit.household_id, person_id=visit.person_id
            ),
            visit,
        )
        return self._told(words, words.say("page.closed"), 200)

    async def _visit(self, request: Request) -> Visit | None:
        """By claim and state: a closed or a newer page counts from the commit on."""
        token = request.path_params["token"]
        owner = await self._parts.store.claim_owner(PAGE, digest_of(token).encode())
        household_id, person_id = member_of(owner or "")
        if not household_id:
            return None
        state: State
        state, _ = await self._parts.handler.state("voice", household_id)
        page = state.member(person_id).page
        if page is None or page.token_sha256 != digest_of(token):
            return None
        if self._parts.clock.now_us() > page.expires_at_us:
            return None
        session = request.cookies.get(COOKIE, "")
        entered = bool(page.session_sha256) and hmac.compare_digest(
            digest_of(session), page.session_sha256
        )
        csrf = self._parts.sign("page-form", session).hex()[:32] if entered else ""
        return Visit(token, household_id, person_id, state, page, entered, csrf)

    async def _form(self, request: Request, visit: Visit) -> dict[str, str] | None:
        """What the page's own form sent; None from anybody else's."""
        if not visit.entered:
            return None
        form = await request.form(max_files=0, max_fields=10)
        given = {name: value for name, value in form.items() if isinstance(value, str)}
        return given if hmac.compare_digest(given.get("csrf", ""), visit.csrf) else None

    async def _do(self, command: Message, visit: Visit) -> Any:
        actor = Actor("notifier", {"service": ("",)}, on_behalf_of=visit.person_id)
        return await self._parts.handler.handle(command, actor)

    def _words(self, request: Request, language: str) -> Words:
        wanted = request.query_params.get("lang", "") or language
        return self._parts.words.get(wanted) or next(iter(self._parts.words.values()))

    def _back(self, visit: Visit, words: Words, done: str = "") -> Response:
        address = f"/h/{visit.token}?lang={words.language}" + (f"&done={done}" if done else "")
        return RedirectResponse(address, status_code=303, headers=HEADERS)

    def _told(self, words: Words, sentence: str, status: int) -> Response:
        return self._page("told.html", words, status=status, sentence=sentence)

    def _page(self, name: str, words: Words, *, status: int = 200, **values: Any) -> Response:
        html = self._templates.get_template(name).render(words=words, **values)
        return HTMLResponse(html, status, headers=HEADERS)
