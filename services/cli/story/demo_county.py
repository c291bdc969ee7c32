"""The demo county: the real villages of Huayuan, synthetic households, its cadres."""

import hashlib
import tempfile
from pathlib import Path

from chassis.decider import derived_id
from services.cli.cadres import new_code
from services.cli.contact import Contact, contact, today
from services.cli.endpoints import data_folder
from services.cli.imports import import_file
from services.cli.output import console
from services.cli.progress import counted
from services.cli.story.chatting import PHONE
from services.registry.editions import read_edition
from services.registry.synthetic import write_csv
from tuopin.notifier.v1.link_pb2 import GetLink, IssueLink
from tuopin.registry.v1.region_pb2 import AdoptRegions, FindRegions
from tuopin.training.v1.cadre_pb2 import (
    POST_FIRST_SECRETARY,
    POST_TOWNSHIP_SPECIALIST,
    AppointCadre,
    Post,
    PostCadre,
)
from tuopin.types.v1.types_pb2 import Edition

COUNTY, SHOWN_TOWNSHIP, SHOWN_VILLAGE = "433124", "433124110", "433124110226"
SOURCE = "demo"
PAGE = 1000
VILLAGE_DIGITS, TOWNSHIP_DIGITS = 12, 9


def load(households: int) -> None:
    """Bring the county in; what is there already stays as it is."""
    caller = contact()
    adopt_regions(caller)
    villages = _codes(caller, VILLAGE_DIGITS)
    townships = _codes(caller, TOWNSHIP_DIGITS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "huayuan.csv"
        write_csv(path, households, seed=433124, villages=villages)
        report = import_file(path, COUNTY, SOURCE, on=f"{today()[:4]}-01-01", synthetic=True)
    console.print(f"{report.households} synthetic households in {len(villages)} villages")
    posts = [(village, POST_FIRST_SECRETARY) for village in villages]
    posts += [(township, POST_TOWNSHIP_SPECIALIST) for township in townships]
    with counted() as progress:
        for region, post in progress.track(posts, description="cadres"):
            _cadre(caller, region, post)
    console.print(f"{len(posts)} synthetic cadres")
    _links(caller)


def adopt_regions(caller: Contact) -> None:
    """The shipped edition; adopting it twice has no effect."""
    shipped = read_edition("regions-cn-2023")
    command = AdoptRegions(
        command_id=derived_id(SOURCE, "adopt", shipped.sha256),
        edition=Edition(name=shipped.name, sha256=shipped.sha256, count=shipped.count),
        effective_on="2023-06-30",
    )
    caller.call("registry", "AdoptRegions", command)


def cadre_of(region: str) -> str:
    """Id of the demo cadre of a village or township."""
    return derived_id(SOURCE, "cadre", region)


def _codes(caller: Contact, digits: int) -> list[str]:
    request = FindRegions(ancestor_id=COUNTY, level=digits, page_size=PAGE)
    found = caller.call("registry", "FindRegions", request)
    return [region.region_id for region in found.regions]


def _cadre(caller: Contact, region: str, post: Post.ValueType) -> None:
    cadre_id = cadre_of(region)
    appoint = AppointCadre(
        command_id=derived_id(SOURCE, "appoint", region),
        cadre_id=cadre_id,
        region_id=COUNTY,
        name=f"示例干部{region[6:]}",
        phone=PHONE,
        language="zh",
        effective_on="2026-01-01",
    )
    caller.call("training", "AppointCadre", appoint)
    move = PostCadre(
        command_id=derived_id(SOURCE, "post", region),
        cadre_id=cadre_id,
        region_id=region,
        post=post,
        effective_on="2026-01-01",
    )
    caller.call("training", "PostCadre", move)


def _links(caller: Contact) -> None:
    """Fresh one-time links for two people of one village, to play the story by hand."""
    chat_url = caller.endpoints.chat_url
    people = ((SHOWN_VILLAGE, "first secretary", 1), (SHOWN_TOWNSHIP, "township specialist", 2))
    for region, what, person in people:
        if not chat_url:
            continue
        link = caller.call("notifier", "GetLink", GetLink(cadre_id=cadre_of(region)))
        if link.linked:
            _say(what, region, f"{chat_url}/?person={person}")
            continue
        code = new_code()
        issue = IssueLink(
            command_id=derived_id(SOURCE, "link", region, code),
            cadre_id=cadre_of(region),
            code_sha256=hashlib.sha256(code.encode()).hexdigest(),
        )
        caller.call("notifier", "IssueLink", issue)
        _say(what, region, f"{chat_url}/?person={person}&name=demo-{person}&start={code}")
        if region == SHOWN_TOWNSHIP:
            console.print(f"  asked for the own telephone, it is {PHONE}", highlight=False)
    console.print(f"data in {data_folder()}")


def _say(what: str, region: str, address: str) -> None:
    console.print(f"{what} of {region}, cadre {cadre_of(region)}:", highlight=False)
    console.print(f"  {address}", highlight=False, markup=False, soft_wrap=True)
