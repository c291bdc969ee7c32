"""The README's tour, typed line by line: each word of its output is really there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localchat.client import ChatClient
from services.cli.starting import System
from tests.cli.shell import ROOT, Said, Shell

README = (ROOT / "README.md").read_text(encoding="utf-8")
TOUR = README.partition("## Five-minute tour")[2].partition("\n## ")[0]
# What `make run` loads.
HOUSEHOLDS = "2000"
# The one that the tour is about.
HOUSEHOLD = "12c69b84-d611-53e2-9df7-30c12381bf8a"
# Here and in the browser: the first secretary's chat.
PERSON = 1


def blocks() -> list[list[tuple[str, list[str]]]]:
    """Per fenced block the commands, each with the lines that stand below it."""
    found = []
    for block in re.findall(r"^```\n(.*?)^```", TOUR, re.MULTILINE | re.DOTALL):
        commands: list[tuple[str, list[str]]] = []
        for line in block.splitlines():
            if line.startswith("$ "):
                commands.append((line.removeprefix("$ "), []))
            else:
                commands[-1][1].append(line)
        found.append(commands)
    return found


def missing(lines: list[str], output: str) -> list[str]:
    """Lines whose words do not stand in one place of the output, in their order.

    Borders, the rest of a wide row, and what is behind an ellipsis may lie between the words.
    """
    plain = " ".join(re.sub(r"[│┃┏┓┗┛┡┩├┤┼┬┴└┘┌┐─━╇]", " ", output).split())
    found, at = [], 0
    for line in lines:
        words = [re.escape(word) for word in re.split(r"[\s…]+", line) if word]
        match = re.compile(r".{0,400}?".join(words)).search(plain, at)
        if match is None:
            found.append(line)
        else:
            at = match.end()
    return found


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    arguments = ("--demo-county", "--households", HOUSEHOLDS)
    with System(tmp_path_factory.mktemp("tour"), arguments=arguments) as running:
        yield running


async def test_the_tour_is_word_for_word_true(system: System) -> None:
    tuopin = Shell(system.folder)
    start, look, force, follow, forget, demo = blocks()
    assert [command for command, _ in start] == ["make run"]
    printed = system.log.read_text(encoding="utf-8")
    # Another port than in the text: the default ones may be taken where the tests run.
    port = str(system.own["TUOPIN_CHAT_PORT"])
    assert missing([line.replace("8081", port) for line in start[0][1]], printed) == []

    type_all(tuopin, [*look, *force])
    await answer(printed)
    until_verified(tuopin)
    type_all(tuopin, [*follow, *forget])
    assert [command for command, _ in demo] == ["make demo"]


def type_all(tuopin: Shell, commands: list[tuple[str, list[str]]]) -> None:
    for command, lines in commands:
        words = shlex.split(command)
        if words[0] == "PERSON=…":
            tuopin.environment["PERSON"] = head_of(tuopin)
            continue
        words = [tuopin.environment["PERSON"] if word == "$PERSON" else word for word in words]
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            tuopin.environment[name] = value
            continue
        assert words[0] == ".venv/bin/tuopin"
        said = tuopin(*[str(ROOT / w) if w.startswith("docs/") else w for w in words[1:]])
        output = said.out + said.err
        assert missing(lines, output) == [], f"{command}\n{output}"
        assert (said.code != 0) == any(line.startswith("✗") for line in lines), said


def head_of(tuopin: Shell) -> str:
    """What the reader finds below the head's name, in the file that the tour has just shown."""
    said = tuopin.done("household", "show", HOUSEHOLD, "--json").one()
    shown = tuopin.done("household", "show", HOUSEHOLD).out
    head = said["members"][0]
    assert shown.index(head["name"]) < shown.index(head["person_id"])
    return str(head["person_id"])


async def answer(printed: str) -> None:
    """What a person does on the page: open the link, take the task, write, done."""
    link = re.search(r"(http\S+)/\?person=1&name=(\S+)&start=(\S+)", printed)
    assert link
    url, name, code = link.groups()
    async with ChatClient(url) as chat:
        await chat.person(PERSON, name)
        await chat.say(PERSON, f"/start {code}")
        question = await chat.wait_for_message(PERSON, lambda m: button(m, "是我") != "")
        await chat.tap(PERSON, question["message_id"], button(question, "是我"))
        await chat.wait_for_message(PERSON, lambda m: "绑定成功" in m.get("text", ""))
        task = await chat.wait_for_message(PERSON, lambda m: button(m, "接收任务") != "")
        assert "首次入户走访" in task["text"]
        await chat.tap(PERSON, task["message_id"], button(task, "接收任务"))
        await chat.wait_for_message(PERSON, lambda m: button(m, "完成") != "")
        await chat.say(PERSON, "住房安全，两个孩子在校。", reply_to=task["message_id"])
        written = await chat.wait_for_message(PERSON, lambda m: "佐证1条" in m.get("text", ""))
        await chat.tap(PERSON, task["message_id"], button(written, "完成"))
        await chat.wait_for_message(PERSON, lambda m: "已核实" in m.get("text", ""))


def button(message: dict[str, Any], text: str) -> str:
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    found = [each["callback_data"] for row in rows for each in row if text in each["text"]]
    return found[0] if found else ""


def until_verified(tuopin: Shell) -> Said:
    """The views have heard what the chat says."""
    for _ in range(100):
        said = tuopin.done("cadre", "list", "--region", "433124110226", "--json")
        if said.one()["tasks_finished"]:
            return said
    raise AssertionError("the record does not move")


def test_the_demo_s_lines_are_those_of_the_story() -> None:
    from services.cli.story.whole import STEPS

    titles = [step.title for step in STEPS]
    (_, lines) = blocks()[-1][0]
    for number, title in re.findall(r"^✓ +(\d+) (.*)$", "\n".join(lines), re.MULTILINE):
        assert titles[int(number) - 1] == title
    assert f"✓ {len(titles)} " in "\n".join(lines)


def test_the_picture_of_the_tour_is_there() -> None:
    assert (Path(ROOT) / "docs/examples/signed-paper.png").read_bytes().startswith(b"\x89PNG")
