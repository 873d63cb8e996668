"""The client's state after a login, without a server."""

from __future__ import annotations

from datetime import UTC, datetime

from securechat.client import events
from securechat.client.state.ownlines import OwnLines
from securechat.client.state.state import ClientState
from securechat.protocol.message import parse

NOW = datetime(2026, 5, 17, 12, 0, tzinfo=UTC)


EVERYTHING = {
    "batch",
    "draft/chathistory",
    "echo-message",
    "labeled-response",
    "message-tags",
    "server-time",
}


def logged_in(*lines: str) -> ClientState:
    """Return the state of alice, in #lobby with bob, after more lines."""
    state = ClientState("alice", OwnLines("s-"))
    state.capabilities = set(EVERYTHING)
    take(
        state,
        ":srv 001 alice :Welcome",
        ":srv 005 alice CHANTYPES=# CHATHISTORY=50 NETWORK=Test PREFIX=(o)@ :are supported",
        ":srv 376 alice :End of MOTD",
        ":alice!a@h JOIN #lobby",
        ":srv 353 alice = #lobby :@bob alice",
        ":srv 366 alice #lobby :End of NAMES",
        *lines,
    )
    return state


def take(state: ClientState, *lines: str) -> list[events.Event]:
    return [event for line in lines for event in state.receive(parse(line), NOW)]
