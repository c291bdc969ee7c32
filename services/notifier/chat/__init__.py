"""The chat: taps come in as commands, messages go out once. Only `provider.py` knows Telegram."""
