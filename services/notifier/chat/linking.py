"""From a code to a linked chat: shown once, confirmed under a masked name, proven by supervisors.

What waits for its confirmation stands in the ledger, so a kill in the middle asks nobody twice.
"""

import hmac
import re
from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message

from chassis.clock import MICROSECONDS, Clock
from chassis.sealing import Sealer
from chassis.viewstore import ViewStore
from services.notifier.chat.catalogue import Catalogue
from services.notifier.chat.incoming import From, Shared
from services.notifier.chat.ledger import Ledger
from services.notifier.chat.taps import NOT_ME, YES, Tap, encode
from services.notifier.chat.tasks import Button, Shown
from services.notifier.page.tokens import code_digest
from services.notifier.views.cadres import cadre_row
from tuopin.notifier.v1.linking_pb2 import BeginLink, ConfirmLink, PhoneProof
from tuopin.training.v1.cadre_pb2 import CadreAppointed

SAME, DIFFERENT = "same", "different"
PROOFS = {
    "": PhoneProof.PHONE_PROOF_UNSPECIFIED,
    SAME: PhoneProof.PHONE_PROOF_SAME,
    DIFFERENT: PhoneProof.PHONE_PROOF_DIFFERENT,
}
# The country's code may stand before a number or not.
COUNTRY_CODE = "86"
NUMBER_LEN = 11
MASK = "*"


class Linking:
    """What the bot remembers and compares while a chat is being linked."""

    def __init__(
        self,
        views: ViewStore,
        sealer: Sealer,
        ledger: Ledger,
        limits: Mapping[str, Any],
        clock: Clock,
    ) -> None:
        self._views = views
        self._sealer = sealer
        self._ledger = ledger
        self._limits = limits
        self._clock = clock

    async def waits(self, chat_id: str) -> Mapping[str, Any]:
        """Cadre and code of the link that this chat is asked to confirm; empty when none is."""
        return await self._ledger.dialogue(self._key("link", chat_id))

    async def ask(self, chat_id: str, cadre_id: str, code_sha256: str) -> None:
        """From now on the chat's yes is about this cadre."""
        about = {"cadre_id": cadre_id, "code": code_sha256}
        await self._ledger.put_dialogue(self._key("link", chat_id), about)

    async def forget(self, chat_id: str) -> None:
        """Nothing waits for this chat's yes."""
        await self._ledger.put_dialogue(self._key("link", chat_id), {})

    async def too_many(self, chat_id: str) -> bool:
        """Whether the chat has shown too many codes that are none; counts this one."""
        key, now_us = self._key("codes", chat_id), self._clock.now_us()
        since_us = now_us - self._limits["codes_within_s"] * MICROSECONDS
        tried = (await self._ledger.dialogue(key)).get("at", [])
        recent = [at_us for at_us in tried if since_us < at_us <= now_us]
        if len(recent) >= self._limits["codes_max"]:
            return True
        await self._ledger.put_dialogue(key, {"at": [*recent, now_us]})
        return False

    async def question(self, cadre_id: str, catalogue: Catalogue) -> Shown:
        """Is it you? Under a masked name: a code that went astray must not tell whose it is."""
        buttons = [
            Button(catalogue.plain(f"button.{name}"), encode(Tap(action), self._sealer.blind))
            for name, action in (("yes", YES), ("not-me", NOT_ME))
        ]
        name = masked((await self._cadre(cadre_id)).name)
        return Shown(catalogue.text("link.confirm", name=name), tuple(buttons))

    async def proof(self, cadre_id: str, shared: Shared) -> str:
        """How the shared number compares with the one on record, by keyed digests."""
        on_record = (await self._cadre(cadre_id)).phone
        blind = self._sealer.blind
        same = hmac.compare_digest(
            blind("phone", digits(shared.phone)), blind("phone", digits(on_record))
        )
        return SAME if shared.own and on_record and same else DIFFERENT

    async def _cadre(self, cadre_id: str) -> CadreAppointed:
        row = await self._views.query(lambda connection: cadre_row(connection, cadre_id))
        if row is None:
            return CadreAppointed(cadre_id=cadre_id)
        cadre = CadreAppointed(cadre_id=cadre_id, name=row.name or "", phone=row.phone or "")
        await self._sealer.opening([cadre])
        self._sealer.open(cadre)
        return cadre

    def _key(self, what: str, chat_id: str) -> str:
        return f"{what}:{self._sealer.blind('dialogue', chat_id).hex()}"


def begin_command(command_id: str, cadre_id: str, code: str, source: From) -> Message:
    """The code is used up by this chat."""
    return BeginLink(
        command_id=command_id,
        cadre_id=cadre_id,
        code_sha256=code_digest(code),
        chat_id=source.chat_id,
    )


def confirm_command(
    command_id: str, cadre_id: str, code_sha256: str, proof: str, source: From
) -> Message:
    """Yes, it is me; with the telephone's proof when one was shared."""
    return ConfirmLink(
        command_id=command_id,
        cadre_id=cadre_id,
        chat_id=source.chat_id,
        phone=PROOFS[proof],
        code_sha256=code_sha256,
    )


def digits(phone: str) -> str:
    """The number without country code, blanks and signs."""
    bare = re.sub(r"\D", "", phone)
    return bare.removeprefix(COUNTRY_CODE) if len(bare) > NUMBER_LEN else bare


def masked(name: str) -> str:
    """The first letter, and as many stars as there are letters more."""
    return name[:1] + MASK * min(max(len(name) - 1, 1), 3)
