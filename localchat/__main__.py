"""Run the local chat alone: ``python -m localchat --port 8081 --data DIR --token TOKEN``."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from localchat.app import BOT_USERNAME
from localchat.limits import Limits
from localchat.server import LOOPBACK, LocalChat

TOKEN_VARIABLE = "LOCALCHAT_TOKEN"  # noqa: S105 - the name of a variable, not a secret


def main() -> None:
    """Read the command line and serve until told to stop."""
    options = _options()
    folder = Path(options.data)
    folder.mkdir(parents=True, exist_ok=True)
    chat = LocalChat(
        folder,
        token=options.token,
        bot_username=options.bot_username,
        host=options.host,
        port=options.port,
        limits=Limits(rate=not options.no_rate_limits),
    )
    try:
        asyncio.run(_serve(chat))
    except (OSError, ValueError) as error:
        sys.exit(f"localchat: {error}")


async def _serve(chat: LocalChat) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await chat.start()
    print(f"The local chat is at {chat.url}/ - a bot's base_url is {chat.url}/bot", flush=True)
    await stopped.wait()
    await chat.stop()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m localchat",
        description="A Bot API server for development, with a chat page in the browser.",
    )
    parser.add_argument("--port", type=int, default=8081, help="0 picks a free one (%(default)s)")
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on (%(default)s)")
    parser.add_argument("--data", required=True, help="folder for messages and pictures")
    parser.add_argument(
        "--token",
        default=os.environ.get(TOKEN_VARIABLE),
        help=f"the bot's token, like 4242:anything (default: ${TOKEN_VARIABLE})",
    )
    parser.add_argument("--bot-username", default=BOT_USERNAME, help="(%(default)s)")
    parser.add_argument(
        "--no-rate-limits", action="store_true", help="do not answer 429 to a bot that is too fast"
    )
    options = parser.parse_args()
    if not options.token:
        parser.error(f"give --token, or set {TOKEN_VARIABLE}")
    return options


if __name__ == "__main__":
    main()
