"""Logging in, from the client's side: capabilities, SASL PLAIN, and the welcome.

Pure: messages in, messages out. Follows IRCv3 ``capability-negotiation`` (version 302) and
``sasl-3.2``, the latter with RFC 4616. The password leaves only after the server acknowledged the
``sasl`` capability; the driver starts a login only on a connection that it has verified.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from securechat.client.errors import LoginRefused
from securechat.errors import ConnectionLost
from securechat.protocol import replies
from securechat.protocol.message import Message
from securechat.protocol.replies import in_lines
from securechat.protocol.sasl import chunks_of, encode_plain

# What is asked for where a server offers it. Only ``sasl`` is a condition.
WANTED = (
    "sasl",
    "account-tag",
    "away-notify",
    "batch",
    "cap-notify",
    "draft/channel-rename",
    "draft/chathistory",
    "draft/event-playback",
    "draft/message-edit",
    "draft/message-redaction",
    "draft/metadata-2",
    "draft/multiline",
    "draft/read-marker",
    "echo-message",
    "extended-join",
    "extended-monitor",
    "invite-notify",
    "labeled-response",
    "message-tags",
    "multi-prefix",
    "securechat.internal/unread",
    "server-time",
    "setname",
    "soju.im/search",
    "standard-replies",
)

# How many bytes of names one CAP REQ has: its answer repeats them, and is a line too.
_REQUEST_BYTES_MAX = 350

TOKEN_PREFIX = "sct_"  # noqa: S105 - how a device token begins, in place of a password
_REFUSALS = frozenset(
    numeric.code
    for numeric in (
        replies.ERR_ERRONEUSNICKNAME,
        replies.ERR_NICKNAMEINUSE,
        replies.ERR_PASSWDMISMATCH,
        replies.ERR_SASLABORTED,
        replies.ERR_SASLTOOLONG,
    )
) | {"902"}  # ERR_NICKLOCKED


@dataclass(slots=True)
class Login:
    """One login on one connection.

    Send what ``start`` and ``receive`` return. ``done`` is set once the welcome (001) came; that
    message, and everything after it, is for the client's state. ``enabled`` holds the
    capabilities that the server acknowledged, ``offered`` all of its, with their values.
    """

    account: str
    password: str = field(repr=False)
    done: bool = False
    offered: dict[str, str] = field(default_factory=dict)
    enabled: set[str] = field(default_factory=set)
    _logged_in: bool = False
    _authenticating: bool = False

    def start(self) -> list[Message]:
        """Return what is sent first."""
        return [
            Message("CAP", ("LS", "302")),
            Message("NICK", (self.account,)),
            Message("USER", (self.account, "0", "*", self.account)),
        ]

    def receive(self, message: Message) -> list[Message]:
        """Take one message and return the answers.

        Raises ``LoginRefused`` where trying again is of no use, and ``ConnectionLost`` where the
        server ends the connection for a reason of its own.
        """
        match message.command:
            case "CAP":
                return self._on_capability(message)
            case "AUTHENTICATE":
                if message.params[:1] == ("+",) and "sasl" in self.enabled:
                    response = encode_plain(self.account, self.password)
                    return [Message("AUTHENTICATE", (chunk,)) for chunk in chunks_of(response)]
            case "PING":
                return [Message("PONG", message.params[-1:])]
            case "903":
                self._logged_in = True
                return [Message("CAP", ("END",))]
            case "001":
                if not self._logged_in:
                    raise LoginRefused("The server let us in without a login: it is no SecureChat.")
                self.done = True
            case "904":
                raise LoginRefused(self._wrong_password(message), "904")
            case "ERROR":
                raise ConnectionLost(_text(message) or "The server closed the connection.")
            case "FAIL":
                raise LoginRefused(f"The server refused the login: {_text(message)}.")
            case numeric if numeric in _REFUSALS:
                raise LoginRefused(f"The server refused the login: {_text(message)}.")
        return []

    def _on_capability(self, message: Message) -> list[Message]:
        if len(message.params) < 3:
            return []
        _, subcommand, *rest = message.params
        names = rest[-1].split()
        match subcommand.upper():
            case "LS":
                for item in names:
                    name, _, value = item.partition("=")
                    self.offered[name] = value
                return [] if rest[0] == "*" and len(rest) > 1 else self._requests()
            case "ACK":
                self.enabled.update(names)
                if "sasl" in names and not self._authenticating:
                    self._authenticating = True
                    return [Message("AUTHENTICATE", ("PLAIN",))]
            case "NAK":
                if names == ["sasl"]:
                    raise LoginRefused(_NO_LOGIN)
                if "sasl" in names:
                    return [Message("CAP", ("REQ", "sasl"))]
        return []

    def _requests(self) -> list[Message]:
        mechanisms = self.offered.get("sasl")
        if mechanisms is None or (mechanisms and "PLAIN" not in mechanisms.upper().split(",")):
            raise LoginRefused(_NO_LOGIN)
        return request_lines(name for name in WANTED if name in self.offered)

    def _wrong_password(self, message: Message) -> str:
        said = _text(message)
        usual = replies.ERR_SASLFAIL.text
        more = f" The server says: {said}." if said and said != usual else ""
        if self.password.startswith(TOKEN_PREFIX):
            return (
                f"The server does not accept the token of this device for {self.account} any "
                f"more: log in by the password.{more}"
            )
        return f"The server does not accept this password for {self.account}.{more}"


def request_lines(names: Iterable[str]) -> list[Message]:
    """Return what asks for these capabilities, in lines that every server can answer."""
    lines = in_lines(list(names), _REQUEST_BYTES_MAX)
    return [Message("CAP", ("REQ", line)) for line in lines]


_NO_LOGIN = "The server offers no login by password (SASL PLAIN)."


def _text(message: Message) -> str:
    """Return a reply's text, without a full stop at its end."""
    return message.params[-1].rstrip(".") if message.params else ""
