"""The local chat: a Bot API server for development, with a chat page in the browser.

It stands on the provider's side of the wire. What it keeps (persons, messages, pictures, updates
that the bot has not confirmed) is what Telegram would keep, so nothing of the programme may read
it: a bot talks to it through python-telegram-bot's ``base_url`` and cannot tell the difference.

``localchat.app.create_app`` is the server as an ASGI application, ``localchat.server.LocalChat``
hosts it on a port, ``localchat.client.ChatClient`` is a scripted person.
"""
