"""A client library for Trio, and the terminal client that is built on it.

``connect`` is the way in; ``events`` and ``errors`` are what it tells and raises.
"""

from securechat.client import errors, events
from securechat.client.connection import Client, connect
from securechat.client.methods.reading import ConversationInfo
from securechat.client.methods.speech import Receipt, Saying

__all__ = [
    "Client",
    "ConversationInfo",
    "Receipt",
    "Saying",
    "connect",
    "errors",
    "events",
]
