"""Registration: what a connection may say before anybody is let in, as one table.

Pure: it knows no socket, no clock and no password. Messages go in, effects come out; the driver
sends the lines, checks the credentials that ``Verify`` asks about and reports with
``verified``, then goes on. Follows the Modern IRC Client Protocol ("Connection Registration"),
IRCv3 ``capability-negotiation`` and ``sasl-3.2``, and ``account-registration`` for the word
``ACCOUNT_REQUIRED``.

The phase says how far the login is:

==========  ================================================================================
OPEN        nobody is known yet
EXCHANGE    a SASL mechanism was chosen and its response is being gathered
KNOWN       the credentials were right; only the rest of registration is missing
==========  ================================================================================

Registration ends when NICK and USER were given and no ``CAP LS`` or ``CAP REQ`` awaits its
``CAP END``: in KNOWN with ``Admit``, in OPEN by trying what ``PASS account:password`` gave, and
otherwise with a refusal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from securechat.protocol import capabilities, replies
from securechat.protocol.capabilities import Negotiation
from securechat.protocol.framing import LINE_BYTES_MAX, truncate
from securechat.protocol.isupport import isupport_lines
from securechat.protocol.message import Message
from securechat.protocol.replies import Reply
from securechat.protocol.sasl import (
    BadCredentials,
    BadDevice,
    Collector,
    Credentials,
    ResponseTooLong,
    credentials_of,
    decode_plain,
)

NICK_BYTES_MAX = 64
USERNAME_BYTES_MAX = 64

# What some IRC network might take for a nick: the answer tells a mistake from a wish, since the
# welcome carries the account's name whatever was asked for.
_NICK = re.compile(r"[^\s\d!@#:,*?&~%+$.-][^\s!@#:,*?&]*")


class Phase(Enum):
    """How far the login is."""

    OPEN = auto()
    EXCHANGE = auto()
    KNOWN = auto()


@dataclass(frozen=True, slots=True)
class Send:
    """Send this line (without CR LF)."""

    line: str


@dataclass(frozen=True, slots=True)
class Verify:
    """Check these credentials and call ``verified`` (the account, or ``None``) or ``locked``."""

    credentials: Credentials


@dataclass(frozen=True, slots=True)
class Admit:
    """Registration is complete; the account is ``Registration.account``."""


@dataclass(frozen=True, slots=True)
class Close:
    """Send ``ERROR`` with this reason and close."""

    reason: str


Effect = Send | Verify | Admit | Close


@dataclass(slots=True)
class Registration:
    """One connection's way to its account.

    ``sasl_bytes_max`` limits a SASL response in base64, ``attempts_max`` the failed logins; 0 is
    no limit. ``isupport`` are the tokens that a client may ask for before it has logged in.
    """

    server: str
    sasl_bytes_max: int = 8192
    attempts_max: int = 3
    isupport: Sequence[str] = ()
    negotiation: Negotiation = field(default_factory=Negotiation)
    phase: Phase = Phase.OPEN
    nick: str = ""
    username: str = ""
    realname: str = ""
    account: str = ""
    device: str = ""
    away: str = ""
    failures: int = 0
    _collector: Collector = field(default_factory=lambda: Collector(0))
    _pass: Credentials | None = field(default=None, repr=False)
    _by_pass: bool = False

    def handle(self, message: Message) -> list[Effect]:
        """Take one message and return what is to be done, in order."""
        action = TABLE.get((self.phase, message.command), Registration.on_unregistered)
        effects = action(self, message)
        return effects + self._finish_if_complete() if action in _PROGRESS else effects

    def verified(self, account: str | None) -> list[Effect]:
        """Report on ``Verify``: the account's name as it is shown, or ``None`` for a failure."""
        if account is None:
            if self._by_pass:
                return [self._reply(replies.ERR_PASSWDMISMATCH()), Close("Password incorrect")]
            return self._failed(replies.ERR_SASLFAIL())
        self.phase = Phase.KNOWN
        self.account = account
        mask = f"{self._target}!{self.username or '*'}@{self.server}"
        text = f"You are now logged in as {account}"
        effects: list[Effect] = [self._reply(replies.RPL_LOGGEDIN(mask, account, text=text))]
        if not self._by_pass:
            effects.append(self._reply(replies.RPL_SASLSUCCESS()))
        return effects + self._finish_if_complete()

    def locked(self, reason: str) -> list[Effect]:
        """Report on ``Verify``: the credentials are right, and the account is shut out (902)."""
        numeric = replies.ERR_PASSWDMISMATCH if self._by_pass else replies.ERR_NICKLOCKED
        return [self._reply(numeric(text=reason)), Close(reason)]

    # --- the rows' actions ---------------------------------------------------------------------

    def on_cap(self, message: Message) -> list[Effect]:
        return [Send(line) for line in self.negotiation.handle(message, self.server, self._target)]

    def on_nick(self, message: Message) -> list[Effect]:
        if not message.params or not message.params[0]:
            return [self._reply(replies.ERR_NONICKNAMEGIVEN())]
        wanted = message.params[0]
        if len(wanted.encode()) > NICK_BYTES_MAX or not _NICK.fullmatch(wanted):
            return [self._reply(replies.ERR_ERRONEUSNICKNAME(wanted))]
        self.nick = wanted
        return []

    def on_user(self, message: Message) -> list[Effect]:
        if len(message.params) < 4 or not message.params[0] or not message.params[3]:
            return [self._reply(replies.ERR_NEEDMOREPARAMS("USER"))]
        self.username = truncate(message.params[0], USERNAME_BYTES_MAX)
        self.realname = message.params[3]
        return []

    def on_password(self, message: Message) -> list[Effect]:
        if not message.params or not message.params[0]:
            return [self._reply(replies.ERR_NEEDMOREPARAMS("PASS"))]
        name, colon, password = message.params[0].partition(":")
        self._pass = None
        if colon and name and password:
            try:
                self._pass = credentials_of(name, password)
            except BadDevice as error:
                text = str(error)
                return [self._reply(replies.ERR_PASSWDMISMATCH(text=text)), Close(text)]
        return []

    def on_ping(self, message: Message) -> list[Effect]:
        if not message.params or not message.params[0]:
            return [self._reply(replies.ERR_NOORIGIN())]
        line = f":{self.server} PONG {self.server} :{message.params[0]}"
        return [Send(truncate(line, LINE_BYTES_MAX - 2))]

    def on_away(self, message: Message) -> list[Effect]:
        if not self.negotiation.enabled & capabilities.PRE_AWAY:
            return self.on_unregistered(message)
        self.away = message.params[0] if message.params else ""
        return [self._reply(replies.RPL_NOWAWAY() if self.away else replies.RPL_UNAWAY())]

    def on_isupport(self, message: Message) -> list[Effect]:
        enabled = self.negotiation.enabled
        if not enabled & capabilities.EXTENDED_ISUPPORT:
            return self.on_unregistered(message)
        lines = isupport_lines(self.isupport, self.server, self._target, enabled)
        return [Send(line) for line in lines]

    def on_pong(self, message: Message) -> list[Effect]:
        return []

    def on_quit(self, message: Message) -> list[Effect]:
        return [Close("Quit")]

    def on_mechanism(self, message: Message) -> list[Effect]:
        if not message.params:
            return [self._reply(replies.ERR_NEEDMOREPARAMS("AUTHENTICATE"))]
        name = message.params[0].upper()
        if not self.negotiation.enabled & capabilities.SASL:
            return [self._reply(replies.ERR_SASLFAIL(text="Request the sasl capability first"))]
        if name == "*":
            return [self._reply(replies.ERR_SASLABORTED())]
        if name != "PLAIN":
            return [
                self._reply(replies.RPL_SASLMECHS("PLAIN")),
                self._reply(replies.ERR_SASLFAIL()),
            ]
        self.phase = Phase.EXCHANGE
        self._collector = Collector(self.sasl_bytes_max)
        return [Send("AUTHENTICATE +")]

    def on_response(self, message: Message) -> list[Effect]:
        if not message.params:
            return [self._reply(replies.ERR_NEEDMOREPARAMS("AUTHENTICATE"))]
        if message.params[0] == "*":
            self.phase = Phase.OPEN
            return [self._reply(replies.ERR_SASLABORTED())]
        try:
            response = self._collector.add(message.params[0])
            if response is None:
                return []
            credentials = decode_plain(response)
        except ResponseTooLong:
            return self._failed(replies.ERR_SASLTOOLONG())
        except BadDevice as error:
            return self._failed(replies.ERR_SASLFAIL(text=str(error)))
        except BadCredentials:
            return self._failed(replies.ERR_SASLFAIL())
        self.phase = Phase.OPEN
        self._by_pass = False
        self.device = credentials.device
        return [Verify(credentials)]

    def on_already(self, message: Message) -> list[Effect]:
        return [self._reply(replies.ERR_SASLALREADY())]

    def on_unregistered(self, message: Message) -> list[Effect]:
        return [self._reply(replies.ERR_NOTREGISTERED())]

    # --- what several rows share ---------------------------------------------------------------

    @property
    def _target(self) -> str:
        return self.nick or "*"

    def _reply(self, reply: Reply) -> Send:
        return Send(reply.line(self.server, self._target))

    def _failed(self, reply: Reply) -> list[Effect]:
        self.phase = Phase.OPEN
        self.failures += 1
        effects: list[Effect] = [self._reply(reply)]
        if self.attempts_max and self.failures >= self.attempts_max:
            effects.append(Close("Too many failed logins"))
        return effects

    def _finish_if_complete(self) -> list[Effect]:
        if self.negotiation.open or not self.nick or not self.username:
            return []
        if self.phase is Phase.KNOWN:
            return [Admit()]
        effects: list[Effect] = []
        if self.phase is Phase.EXCHANGE:
            self.phase = Phase.OPEN
            effects.append(self._reply(replies.ERR_SASLABORTED()))
        if self._pass is not None:
            self._by_pass = True
            credentials, self._pass = self._pass, None
            self.device = credentials.device
            return [*effects, Verify(credentials)]
        effects.append(
            self._reply(
                replies.fail("*", "ACCOUNT_REQUIRED", text="Log in: an account is required")
            )
        )
        if not self.negotiation.enabled & capabilities.SASL:
            how = "Log in with SASL, or with a server password of the form account:password"
            effects.append(self._reply(replies.ERR_PASSWDMISMATCH(text=how)))
        return [*effects, Close("An account is required")]


Action = Callable[[Registration, Message], list[Effect]]

_ANY_PHASE: dict[str, Action] = {
    "CAP": Registration.on_cap,
    "NICK": Registration.on_nick,
    "USER": Registration.on_user,
    "PASS": Registration.on_password,
    "PING": Registration.on_ping,
    "PONG": Registration.on_pong,
    "AWAY": Registration.on_away,
    "ISUPPORT": Registration.on_isupport,
    "QUIT": Registration.on_quit,
}

# Everything that is understood before login. What is not here is answered with 451.
TABLE: dict[tuple[Phase, str], Action] = {
    **{(phase, command): action for phase in Phase for command, action in _ANY_PHASE.items()},
    (Phase.OPEN, "AUTHENTICATE"): Registration.on_mechanism,
    (Phase.EXCHANGE, "AUTHENTICATE"): Registration.on_response,
    (Phase.KNOWN, "AUTHENTICATE"): Registration.on_already,
}

# After these, registration may have become complete.
_PROGRESS = frozenset({Registration.on_cap, Registration.on_nick, Registration.on_user})
