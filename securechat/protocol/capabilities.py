"""Capabilities: the one table of them, and their negotiation.

Pure. Follows the IRCv3 ``capability-negotiation`` specification. The table is the only place
that names a capability's specification; ``CAP LS``, the documentation and the bits by which
delivery tells clients apart all come from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from securechat.protocol.framing import LINE_BYTES_MAX, truncate
from securechat.protocol.message import Message
from securechat.protocol.metadata import CAPABILITY_VALUE as METADATA_CAPABILITY_VALUE
from securechat.protocol.replies import ERR_INVALIDCAPCMD, ERR_NEEDMOREPARAMS, in_lines


@dataclass(frozen=True, slots=True)
class Capability:
    """A row: its name on the wire, what ``CAP LS 302`` shows as its value, where it is defined.

    One that only ``informs`` is listed and cannot be requested.
    """

    name: str
    specification: str
    value: str = ""
    informs: bool = False


CAPABILITIES: tuple[Capability, ...] = (
    Capability("sasl", "extensions/sasl-3.2", "PLAIN"),
    Capability("account-notify", "extensions/account-notify"),
    Capability("account-tag", "extensions/account-tag"),
    Capability("away-notify", "extensions/away-notify"),
    Capability("batch", "extensions/batch"),
    Capability("cap-notify", "extensions/capability-negotiation"),
    Capability("chghost", "extensions/chghost"),
    Capability("draft/channel-rename", "extensions/channel-rename"),
    Capability("draft/chathistory", "extensions/chathistory"),
    Capability("draft/event-playback", "extensions/chathistory"),
    Capability("draft/extended-isupport", "extensions/extended-isupport"),
    Capability("draft/message-edit", "extensions/message-edit (pull request 425)"),
    Capability("draft/message-redaction", "extensions/message-redaction"),
    Capability("draft/metadata-2", "extensions/metadata", METADATA_CAPABILITY_VALUE),
    Capability("draft/multiline", "extensions/multiline", "max-bytes=16384,max-lines=100"),
    Capability("draft/pre-away", "extensions/pre-away"),
    Capability("draft/read-marker", "extensions/read-marker"),
    Capability("echo-message", "extensions/echo-message"),
    Capability("extended-join", "extensions/extended-join"),
    Capability("extended-monitor", "extensions/extended-monitor"),
    Capability("invite-notify", "extensions/invite-notify"),
    Capability("labeled-response", "extensions/labeled-response"),
    Capability("message-tags", "extensions/message-tags"),
    Capability("multi-prefix", "extensions/multi-prefix"),
    Capability("no-implicit-names", "extensions/no-implicit-names"),
    Capability("securechat.internal/tokens", "SecureChat: Device tokens, below", informs=True),
    Capability("securechat.internal/unread", "SecureChat: Unread counts, below", "max=1000"),
    Capability("server-time", "extensions/server-time"),
    Capability("setname", "extensions/setname"),
    Capability("soju.im/account-required", "soju: doc/ext/account-required", informs=True),
    Capability("soju.im/search", "soju: doc/ext/search"),
    Capability("standard-replies", "extensions/standard-replies"),
    Capability("userhost-in-names", "extensions/userhost-in-names"),
    Capability("znc.in/playback", "ZNC: playback module"),
    Capability("znc.in/self-message", "ZNC: self-message"),
)

BITS = {capability.name: 1 << place for place, capability in enumerate(CAPABILITIES)}
_INFORMATIVE = frozenset(capability.name for capability in CAPABILITIES if capability.informs)

ACCOUNT_TAG = BITS["account-tag"]
AWAY_NOTIFY = BITS["away-notify"]
BATCH = BITS["batch"]
CAP_NOTIFY = BITS["cap-notify"]
CHANNEL_RENAME = BITS["draft/channel-rename"]
CHATHISTORY = BITS["draft/chathistory"]
ECHO_MESSAGE = BITS["echo-message"]
EVENT_PLAYBACK = BITS["draft/event-playback"]
EXTENDED_ISUPPORT = BITS["draft/extended-isupport"]
EXTENDED_JOIN = BITS["extended-join"]
EXTENDED_MONITOR = BITS["extended-monitor"]
INVITE_NOTIFY = BITS["invite-notify"]
LABELED_RESPONSE = BITS["labeled-response"]
MESSAGE_EDIT = BITS["draft/message-edit"]
MESSAGE_REDACTION = BITS["draft/message-redaction"]
MESSAGE_TAGS = BITS["message-tags"]
METADATA = BITS["draft/metadata-2"]
MULTILINE = BITS["draft/multiline"]
MULTI_PREFIX = BITS["multi-prefix"]
NO_IMPLICIT_NAMES = BITS["no-implicit-names"]
PRE_AWAY = BITS["draft/pre-away"]
READ_MARKER = BITS["draft/read-marker"]
SASL = BITS["sasl"]
SELF_MESSAGE = BITS["znc.in/self-message"]
SERVER_TIME = BITS["server-time"]
SETNAME = BITS["setname"]
UNREAD = BITS["securechat.internal/unread"]
USERHOST_IN_NAMES = BITS["userhost-in-names"]
ZNC_PLAYBACK = BITS["znc.in/playback"]


def names_of(enabled: int) -> list[str]:
    """Return the names of the capabilities whose bits are set, in the table's order."""
    return [name for name, bit in BITS.items() if enabled & bit]


@dataclass(slots=True)
class Negotiation:
    """One connection's side of ``CAP``: what is enabled, and whether registration waits for it."""

    enabled: int = 0
    version: int = 301
    open: bool = False
    values: dict[str, str] = field(default_factory=dict)

    def handle(self, message: Message, server: str, nick: str) -> list[str]:
        """Take one ``CAP`` message and return the lines that answer it (no CR LF)."""
        if not message.params:
            return [ERR_NEEDMOREPARAMS("CAP").line(server, nick)]
        subcommand, *arguments = message.params
        start = f":{server} CAP {nick}"
        match subcommand.upper():
            case "LS":
                self.open = True
                return self._list_all(start, arguments)
            case "LIST":
                return _listing(f"{start} LIST", names_of(self.enabled), self.version >= 302)
            case "REQ":
                self.open = True
                # Of one word each, the parameters are the same list without its colon.
                return [self._request(start, " ".join(arguments))]
            case "END":
                self.open = False
                return []
            case _:
                return [ERR_INVALIDCAPCMD(subcommand).line(server, nick)]

    def _list_all(self, start: str, arguments: Sequence[str]) -> list[str]:
        wanted = arguments[0] if arguments else ""
        version = int(wanted) if wanted.isdecimal() and wanted.isascii() else 301
        # A later LS may raise the version, never lower it; but it is answered as it asks.
        self.version = max(self.version, version)
        modern = version >= 302
        if modern:
            self.enabled |= CAP_NOTIFY
        names = [
            f"{row.name}={value}" if modern and value else row.name
            for row in CAPABILITIES
            for value in [self.values.get(row.name, row.value)]
        ]
        return _listing(f"{start} LS", names, modern)

    def _request(self, start: str, wanted: str) -> str:
        """Enable and disable all that is asked for, or nothing.

        A list too long for the answer to repeat is refused.
        """
        enabled = self.enabled
        wanted = wanted.strip()
        refusal = f"{start} NAK :{wanted}"
        if len(refusal.encode()) > LINE_BYTES_MAX - 2:
            return truncate(refusal, LINE_BYTES_MAX - 2)
        for name in wanted.split():
            bit = BITS.get(name.removeprefix("-"))
            if bit is None or name.removeprefix("-") in _INFORMATIVE:
                return refusal
            if name == "-cap-notify" and self.version >= 302:
                return refusal
            if name.startswith("-"):
                enabled &= ~bit
            else:
                enabled |= bit
        self.enabled = enabled
        return f"{start} ACK :{wanted}"


def _listing(start: str, names: Sequence[str], several: bool) -> list[str]:
    """Return one line, or several marked by ``*`` for clients that know these (302).

    Clients that do not are older than the drafts too: without those, one line has room.
    """
    if not several:
        line = f"{start} :{' '.join(names)}"
        if len(line.encode()) > LINE_BYTES_MAX - 2:
            line = f"{start} :{' '.join(name for name in names if not _is_draft(name))}"
        return [line]
    lines = in_lines(names, LINE_BYTES_MAX - 2 - len(f"{start} * :".encode())) or [""]
    return [f"{start} * :{line}" for line in lines[:-1]] + [f"{start} :{lines[-1]}"]


def _is_draft(name: str) -> bool:
    return name.startswith("draft/")
