"""What a terminal is asked to do outside of its grid: notify, title, links, copy, focus. Pure.

The sequences: OSC 9 (iTerm2 and many others), OSC 99 (kitty's "Desktop notifications"), OSC 777
(rxvt-unicode), OSC 2 (xterm's title), OSC 8 (hyperlinks), OSC 52 (xterm's selection) and private
mode 1004 (focus). In tmux what tmux does not know itself is wrapped to be passed through, which
takes ``set -g allow-passthrough on`` there; the title, OSC 8, OSC 52 and the focus it does itself.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from securechat.client.tui.text import clean, clip
from securechat.errors import ConfigError
from securechat.protocol.names import fold

Way = Literal["osc9", "osc99", "osc777", "bell", "none"]

BELL = b"\x07"
FOCUS_ON = b"\x1b[?1004h"
FOCUS_OFF = b"\x1b[?1004l"
TITLE_COLUMNS_MAX = 80
BODY_COLUMNS_MAX = 200
COPY_BYTES_MAX = 74_994
"""What xterm takes as one selection: 100,000 bytes of sequence, in base64."""
SECONDS_BETWEEN = 2.0

_ST = b"\x1b\\"
_OSC9_PROGRAMS = {"iTerm.app", "WezTerm", "ghostty", "WarpTerminal"}


# --- notifications --------------------------------------------------------------------------------


def way(env: Mapping[str, str], setting: str = "auto") -> Way:
    """Return how this terminal notifies; ``auto`` goes by its name, and else rings the bell.

    Raises ``ConfigError`` for a setting that is none of ``Way`` or ``auto``.
    """
    known: tuple[Way, ...] = get_args(Way)
    for one in known:
        if setting == one:
            return one
    if setting != "auto":
        raise ConfigError(
            f"notify = {setting!r} is unknown: choose among auto, {', '.join(known)}."
        )
    term, program = env.get("TERM", ""), env.get("TERM_PROGRAM", "")
    if "kitty" in term or "KITTY_WINDOW_ID" in env:
        return "osc99"
    if program in _OSC9_PROGRAMS or "ITERM_SESSION_ID" in env or "ghostty" in term:
        return "osc9"
    if "WT_SESSION" in env or "ConEmuPID" in env:  # there OSC 9 is about progress
        return "bell"
    if term.startswith(("rxvt-unicode", "foot")) or "VTE_VERSION" in env:
        return "osc777"
    return "bell"


def notification(how: Way, title: str, body: str, *, tmux: bool = False) -> bytes:
    """Return the bytes that show a notification, cleaned and short, and ring the bell."""
    if how in {"none", "bell"}:
        return BELL if how == "bell" else b""
    head = clip(clean(title), TITLE_COLUMNS_MAX)
    text = clip(clean(body), BODY_COLUMNS_MAX)
    if how == "osc99":
        # Base64 (e=1), and two parts of one notification (d=0: more comes) by one identifier.
        parts = [
            b"\x1b]99;i=securechat:e=1:d=0:p=title;" + _base64(head) + _ST,
            b"\x1b]99;i=securechat:e=1:d=1:p=body;" + _base64(text) + _ST,
        ]
    elif how == "osc777":
        plain = head.replace(";", ","), text.replace(";", ",")
        parts = [b"\x1b]777;notify;" + ";".join(plain).encode() + _ST]
    else:
        # "9;4;…" is about progress for some, so the text never begins with a digit.
        parts = [b"\x1b]9;" + f"\N{SPEECH BALLOON} {head}: {text}".encode() + _ST]
    return b"".join(through_tmux(part) if tmux else part for part in parts) + BELL


def _base64(text: str) -> bytes:
    return base64.b64encode(text.encode())


def in_tmux(env: Mapping[str, str]) -> bool:
    """Tell whether what is sent goes through tmux first."""
    return bool(env.get("TMUX")) or env.get("TERM", "").startswith("tmux")


def through_tmux(sequence: bytes) -> bytes:
    """Return a sequence in tmux's envelope for the terminal outside: every ESC is doubled."""
    return b"\x1bPtmux;" + sequence.replace(b"\x1b", b"\x1b\x1b") + _ST


@dataclass(frozen=True)
class Heard:
    """A message that may be worth a notification. ``history``: it was said before one came."""

    conversation: str
    sender: str
    text: str
    mention: bool
    direct: bool
    own: bool = False
    history: bool = False


@dataclass
class Notifier:
    """Decides what is notified: mentions and direct messages that nobody is looking at.

    ``focused`` is whether the terminal has the focus (true until it says otherwise), ``current``
    the conversation on the screen. ``muted`` tells of a conversation whether it is muted.
    """

    muted: Callable[[str], bool]
    focused: bool = True
    current: str = ""
    _last: dict[str, float] = field(default_factory=dict, repr=False)

    def wants(self, heard: Heard, now: float) -> bool:
        """Tell whether to notify, and remember it; at most once in 2 s for a conversation.

        ``now`` is in seconds of a clock that never goes back.
        """
        key = fold(heard.conversation)
        if heard.own or heard.history or not (heard.mention or heard.direct):
            return False
        if self.muted(heard.conversation) or (self.focused and key == fold(self.current)):
            return False
        last = self._last.get(key)
        if last is not None and now - last < SECONDS_BETWEEN:
            return False
        self._last = {one: at for one, at in self._last.items() if now - at < SECONDS_BETWEEN}
        self._last[key] = now
        return True


def words(heard: Heard) -> tuple[str, str]:
    """Return the title and the text of a notification."""
    where = "" if heard.direct else f" in {heard.conversation}"
    return f"{heard.sender}{where}", heard.text


# --- title, links, copying, focus -----------------------------------------------------------------


def title(network: str, conversation: str, unread: int, mentions: int) -> bytes:
    """Return the bytes that set the window's title: ``(3) #dev - home``, with mentions ``(@2)``."""
    count = f"(@{mentions}) " if mentions else f"({unread}) " if unread else ""
    place = " - ".join(filter(None, (conversation, network)))
    return b"\x1b]2;" + clip(clean(count + place), TITLE_COLUMNS_MAX).encode() + _ST


def link(address: str, text: str) -> str:
    """Return clean text that leads to an address (OSC 8), or the text alone if that is unsafe.

    Only what :func:`securechat.client.tui.inline.spans` gives as a target is safe: printable ASCII.
    """
    if not address.isascii() or not address.isprintable() or " " in address or len(address) > 2000:
        return text
    return f"\x1b]8;;{address}\x1b\\{text}\x1b]8;;\x1b\\"


def copy(text: str) -> bytes | None:
    """Return the bytes that put a text on the clipboard; ``None`` where terminals would refuse it.

    tmux takes them itself where ``set-clipboard`` is not off, and hands them on.
    """
    data = text.encode("utf-8", "replace")
    if len(data) > COPY_BYTES_MAX:
        return None
    return b"\x1b]52;c;" + base64.b64encode(data) + _ST


def focus_in(data: bytes) -> bool | None:
    """Return what the last report in some input says of the focus; ``None`` without a report."""
    gained, lost = data.rfind(b"\x1b[I"), data.rfind(b"\x1b[O")
    return None if gained == lost else gained > lost
