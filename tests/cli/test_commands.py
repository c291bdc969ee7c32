"""Every command against a running embedded system with the demo county in it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localchat.client import ChatClient
from services.cli.starting import System
from tests.cli.declared import ANSWERS, COUNTY, HOUSEHOLD, LISTINGS, MAY_BE_EMPTY, YEAR
from tests.cli.shell import ROOT, Said, Shell
from tests.system.test_house import commands

HOUSEHOLDS = 40
VILLAGE = "433124110226"
PAPER = str(ROOT / "docs" / "examples" / "signed-paper.png")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    arguments = ("--demo-county", "--households", str(HOUSEHOLDS))
    with System(tmp_path_factory.mktemp("cli"), arguments=arguments) as running:
        yield running


@pytest.fixture(scope="module")
def tuopin(system: System) -> Shell:
    return Shell(system.folder)


@pytest.fixture(scope="module")
def households(tuopin: Shell) -> list[dict[str, Any]]:
    return tuopin.done("household", "list", "--page-size", "100", "--json").rows()


@pytest.fixture(scope="module")
def planned(tuopin: Shell, households: list[dict[str, Any]]) -> dict[str, Any]:
    """The file of one household whose plan is in force."""
    household_id = households[0]["household_id"]
    household = tuopin.done("household", "show", household_id, "--json").one()
    plan = tuopin.done("plan", "show", household_id, "--json").one()
    signer = household["members"][0]["person_id"]
    cadre_id = first_secretary(tuopin, household["village_id"])
    paper = ("--given-by", signer, "--paper", PAPER, "--witness", "示例见证人")
    tuopin.done("plan", "consent", plan["plan_id"], *paper)
    tuopin.done("plan", "approve", plan["plan_id"], "--helper", cadre_id)
    return household


def first_secretary(tuopin: Shell, village_id: str) -> str:
    (cadre,) = tuopin.done("cadre", "list", "--region", village_id, "--json").rows()
    return str(cadre["cadre_id"])


# --- listings


def test_every_command_is_a_listing_or_an_answer() -> None:
    assert {" ".join(path) for path, _ in commands()} == LISTINGS.keys() | ANSWERS


@pytest.fixture
def asked(words: str, households: list[dict[str, Any]]) -> list[str]:
    """The listing's command, with a household that is there."""
    at_hand = households[0]["household_id"]
    return [*words.split(), *(at_hand if each == HOUSEHOLD else each for each in LISTINGS[words])]


@pytest.mark.parametrize("words", LISTINGS)
def test_a_listing_has_json_with_one_object_a_line(
    tuopin: Shell, words: str, asked: list[str]
) -> None:
    if words == "fund accounts":
        money = ("--region", "43", "--amount", "5000", "--document", "示例-1", "--year", YEAR)
        tuopin.done("fund", "appropriate", *money)
        expect_rows(tuopin, lambda: tuopin.done(*asked, "--json"))
    rows = tuopin.done(*asked, "--json").rows()
    assert all(isinstance(row, dict) for row in rows)
    assert rows or words in MAY_BE_EMPTY


def expect_rows(tuopin: Shell, ask: Any) -> None:
    """A view follows the log; ask until it has."""
    for _ in range(100):
        if ask().rows():
            return
    raise AssertionError("no rows")


@pytest.mark.parametrize("words", LISTINGS)
def test_a_listing_is_a_table_for_people(tuopin: Shell, asked: list[str]) -> None:
    said = tuopin.done(*asked)
    assert "_us" not in said.out
    assert not said.out.startswith("{")


def test_pages_follow_each_other_by_the_command_that_is_printed(tuopin: Shell) -> None:
    seen: list[str] = []
    said = tuopin.done("household", "list", "--page-size", "15", "--json")
    while True:
        seen += [row["household_id"] for row in said.rows()]
        more = re.search(r"^tuopin (household list .*)$", said.err, re.MULTILINE)
        if not more:
            break
        said = tuopin.done(*more.group(1).split())
    assert len(seen) == len(set(seen)) == HOUSEHOLDS


# --- exit codes, each for real


def test_exit_0_when_it_is_done(tuopin: Shell) -> None:
    assert tuopin("status").code == 0


def test_exit_1_when_nobody_is_found(tuopin: Shell) -> None:
    said = tuopin("person", "find", "--identity-number", "11010519491231002X")
    assert (said.code, said.out) == (1, "")
    assert "Nobody has this identity number" in said.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("household", "list", "--region", "4331x"), "[region_id]"),
        (("household", "list", "--status", "poor"), "--status"),
        (("person", "find", "--identity-number", "12"), "[identity_number]"),
        (("household", "show", "x", "--as-of", "2026-13-01"), "[as_of]"),
        (("household", "show", "x", "--known-at", "yesterday"), "--known-at"),
        (("fund", "pay", "--region", COUNTY, "--measure", "m", "--amount", "x"), "--amount"),
        (("events", "tail", "--topic", "gossip"), "household, region, import"),
        (("events", "tail", "--follow"), "--service"),
        (("events", "tail", "--service", "mill"), "--service"),
        (("rebuild", "plans"), "planning, funding, notifier"),
        (("rebuild", "gossip"), "cadre_record"),
        (("regions", "adopt", "regions-of-the-moon"), "editions.toml"),
        (("cadre", "post", "c", "--region", VILLAGE, "--as", "king"), "--as"),
        (("token", "office", "--role", "county-office"), "--role"),
        (("token", "office", "--role", "county-office@43x"), "--role"),
        (("person", "erase", "h", "p", "--yes", "--ground", "whim"), "--ground"),
    ],
)
def test_exit_2_names_the_field_that_is_wrong(
    tuopin: Shell, arguments: tuple[str, ...], named: str
) -> None:
    said = tuopin(*arguments)
    assert said.code == 2, said
    assert named in said.err


def test_exit_2_when_a_command_id_was_used_for_something_else(tuopin: Shell) -> None:
    money = ("--region", "43", "--document", "示例-2", "--year", YEAR, "--command-id", "once")
    tuopin.done("fund", "appropriate", *money, "--amount", "10")
    again = tuopin.done("fund", "appropriate", *money, "--amount", "10", "--json")
    assert again.one()["command_id"] == "once"
    other = tuopin("fund", "appropriate", *money, "--amount", "11")
    assert other.code == 2
    assert "command-reused [command_id]" in other.err


def test_exit_3_when_a_rule_says_no(tuopin: Shell, households: list[dict[str, Any]]) -> None:
    plan = tuopin.done("plan", "show", households[1]["household_id"], "--json").one()
    cadre_id = first_secretary(tuopin, VILLAGE)
    said = tuopin("plan", "approve", plan["plan_id"], "--helper", cadre_id)
    assert said.code == 3
    assert said.err.startswith("✗ plan-not-consented: ")


def test_exit_3_when_there_is_no_such_thing(tuopin: Shell) -> None:
    said = tuopin("household", "show", "nobody")
    assert said.code == 3
    assert "tuopin household list" in said.err


def test_exit_4_names_the_role_and_the_region_that_are_missing(tuopin: Shell) -> None:
    token = tuopin.done("token", "office-1", "--role", "county-office@433123").out.strip()
    elsewhere = tuopin("household", "list", "--region", COUNTY, TUOPIN_TOKEN=token)
    assert elsewhere.code == 4
    assert "county-office" in elsewhere.err
    assert COUNTY in elsewhere.err
    without = tuopin("rebuild", "cadre_record", TUOPIN_TOKEN=token)
    assert without.code == 4
    assert "operator" in without.err
    assert tuopin("household", "list", "--region", "433123", TUOPIN_TOKEN=token).code == 0


def test_exit_4_without_a_key_to_sign_with(tuopin: Shell, tmp_path: Path) -> None:
    written = Path(tuopin.environment["TUOPIN_DATA"], "endpoints.json").read_text()
    (tmp_path / "endpoints.json").write_text(written.replace("token.key", "gone.key"))
    said = Shell(tmp_path)("status")
    assert said.code == 4
    assert "TUOPIN_TOKEN" in said.err


def test_exit_4_with_a_token_that_nobody_signed(tuopin: Shell) -> None:
    assert tuopin("status", TUOPIN_TOKEN="not.a.token").code == 4


def test_exit_5_where_nothing_runs(tmp_path: Path) -> None:
    said = Shell(tmp_path)("household", "list")
    assert said.code == 5
    assert "make run" in said.err


def test_exit_5_when_the_server_is_gone(tuopin: Shell) -> None:
    away = {f"TUOPIN_{name}_ADDRESS": "127.0.0.1:9" for name in ("REGISTRY", "PLANNING")}
    said = tuopin("household", "list", **away)
    assert said.code == 5
    assert "does not answer" in said.err
    found = tuopin("status", **away)
    assert found.code == 1
    assert "no: does not answer" in found.out


def test_the_exit_codes_stand_in_the_help(tuopin: Shell) -> None:
    assert "5 no server" in " ".join(tuopin.done("--help").out.split())


# --- languages


def test_refusals_come_in_the_user_s_language(tuopin: Shell) -> None:
    english = tuopin("household", "show", "nobody")
    chinese = tuopin("household", "show", "nobody", TUOPIN_LANGUAGE="zh")
    assert "No household has this id" in english.err
    assert "没有此标识的户" in chinese.err
    assert "没有名为" in tuopin("rebuild", "gossip", TUOPIN_LANGUAGE="zh").err


# --- files of households


def test_a_file_is_readable_with_who_when_and_proof(tuopin: Shell, planned: dict[str, Any]) -> None:
    said = until(tuopin, planned["household_id"], "AssignmentOffered")
    assert "HouseholdRegistered" in said.out
    assert f"given-by:{planned['members'][0]['person_id']}" in said.out
    assert "paper:" in said.out
    assert planned["members"][0]["name"] in said.out
    assert "recorded_at_us" not in said.out


def until(tuopin: Shell, household_id: str, what: str) -> Said:
    for _ in range(100):
        said = tuopin.done("household", "show", household_id)
        if what in said.out:
            return said
    raise AssertionError(f"{what} is not in the file")


def test_the_past_is_asked_by_date_and_by_what_was_known(
    tuopin: Shell, households: list[dict[str, Any]]
) -> None:
    household_id = households[2]["household_id"]
    now = tuopin.done("household", "show", household_id, "--as-of", f"{YEAR}-06-30", "--json")
    assert now.one()["status"] == "HOUSEHOLD_STATUS_REGISTERED"
    # Nothing was known of it then, and nothing was true of it before it was registered.
    for when in (("--known-at", "2020-01-01T00:00"), ("--as-of", "2019-01-01")):
        said = tuopin("household", "show", household_id, *when)
        assert said.code == 3, said


def test_a_person_is_found_until_they_are_erased(
    tuopin: Shell, households: list[dict[str, Any]]
) -> None:
    household_id = households[3]["household_id"]
    household = tuopin.done("household", "show", household_id, "--json").one()
    person = household["members"][0]
    number = ("--identity-number", person["identity_number"])
    found = tuopin.done("person", "find", *number, "--json").one()
    assert (found["household_id"], found["person_id"]) == (household_id, person["person_id"])

    tuopin.done("person", "erase", household_id, person["person_id"], "--yes")
    gone = tuopin("person", "find", *number, "--json")
    assert gone.code == 1
    assert gone.one()["found"] is False
    after = tuopin.done("household", "show", household_id)
    assert person["name"] not in after.out
    assert f"{len(household['members'])} members" in after.out


# --- the log


def test_the_last_events_come_by_time(tuopin: Shell) -> None:
    rows = tuopin.done("events", "tail", "--topic", "cadre", "-n", "7", "--json").rows()
    assert len(rows) == 7
    times = [row["recorded_at_us"] for row in rows]
    assert times == sorted(times)


def test_an_export_is_the_whole_log_lane_by_lane_with_its_hashes(tuopin: Shell) -> None:
    rows = tuopin.done("events", "export", "--topic", "household").rows()
    assert len({row["id"] for row in rows}) == len(rows) >= HOUSEHOLDS
    lanes: dict[int, list[int]] = {}
    for row in rows:
        lanes.setdefault(row.get("partition", 0), []).append(row["position"])
    assert all(at == list(range(1, len(at) + 1)) for at in lanes.values())
    assert all(re.fullmatch(r"[0-9a-f]{64}", row["hash"]) for row in rows)


def test_an_export_of_one_stream_names_nobody(tuopin: Shell, planned: dict[str, Any]) -> None:
    stream = f"household-{planned['household_id']}"
    said = tuopin.done("events", "export", "--topic", "household", "--stream", stream)
    assert {row["stream"] for row in said.rows()} == {stream}
    assert planned["members"][0]["name"] not in said.out
    assert planned["members"][0]["identity_number"] not in said.out


def test_one_id_finds_its_events_in_all_services(tuopin: Shell, planned: dict[str, Any]) -> None:
    rows = tuopin.done("task", "trace", planned["household_id"], "--json").rows()
    assert {"household", "plan"} <= {row["topic"] for row in rows}
    nothing = tuopin("task", "trace", "nobody")
    assert nothing.code == 1


# --- operating


def test_a_view_is_rebuilt_and_then_the_proof_is_clean(tuopin: Shell) -> None:
    said = tuopin.done("rebuild", "cadre_record")
    assert "cadre_record is rebuilt" in said.out
    assert tuopin.done("rebuild", "plans", "--service", "planning", "--json").rows()
    proofs = tuopin.done("verify", "--json").rows()
    assert {proof["service"]: proof["findings"] for proof in proofs} == {
        name: [] for name in ("registry", "planning", "funding", "training", "notifier")
    }
    assert sum(proof["events"] for proof in proofs) > HOUSEHOLDS


def test_status_lists_every_lane_and_view_when_asked(tuopin: Shell, system: System) -> None:
    said = tuopin.done("status", "--full")
    assert "cadre_record" in said.out
    assert "household/0" in said.out
    assert "/metrics" in said.out


def test_a_second_system_on_the_same_ports_says_so(system: System) -> None:
    taken = {name: at for name, at in system.own.items() if name.endswith("_ADDRESS")}
    said = Shell(system.folder, **taken)("run")
    assert said.code == 2
    assert "TUOPIN_REGISTRY_ADDRESS" in said.err


# --- what `run --demo-county` prints


async def test_the_printed_chat_link_ties_the_chat_to_the_cadre(
    tuopin: Shell, system: System
) -> None:
    printed = system.log.read_text(encoding="utf-8")
    address = r"(http\S+)/\?person=1&name=(\S+)&start=(\S+)"
    link = re.search(rf"of {VILLAGE}, cadre (\S+):\s+{address}", printed)
    assert link, printed
    cadre_id, url, name, code = link.groups()
    assert cadre_id == first_secretary(tuopin, VILLAGE)
    async with ChatClient(url) as chat:
        # What the page does with the address.
        await chat.person(1, name)
        await chat.say(1, f"/start {code}")
        question = await chat.wait_for_message(1, lambda message: "是我" in str(message))
        await chat.tap(1, question["message_id"], "是我")
        await chat.wait_for_message(1, lambda message: "绑定成功" in message.get("text", ""))
    again = tuopin("cadre", "link", cadre_id)
    assert again.code == 0
    assert url in again.out


def test_a_dry_run_of_an_edition_tells_every_fault_of_its_mapping(
    tuopin: Shell, tmp_path: Path
) -> None:
    mapping = tmp_path / "mapping.csv"
    mapping.write_text(
        "tuopin-region-mapping,1\nold_code,new_code,kind,effective_on\n"
        "433124110999,433124110226,merged,2024-07-01\n433124110226,x,moved,2024-07-01\n",
        encoding="utf-8",
    )
    said = tuopin("regions", "adopt", "--mapping", str(mapping), "--dry-run", "--json")
    assert said.code == 1
    (told,) = said.rows()
    assert [each["row"] for each in told["faults"]] == [4, 3]
    assert told["removed"] == told["households"] == 0
    assert tuopin("regions", "show", VILLAGE, "--as-of", "2020-01-01").code == 0
