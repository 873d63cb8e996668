"""A client's bookkeeping, made of nothing but the lines that a session is sent.

Written from the Modern IRC Client Protocol and the IRCv3 specifications, without any code of the
product: what it believes is what a careful client by anybody would believe. Every line is checked
as well: its size, its bytes, its tags, and that its command was negotiated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

LINE_BYTES_MAX = 512
TAG_BYTES_MAX = 8191

# What a server may send without a source.
SOURCELESS = {"AUTHENTICATE", "ERROR", "PING"}

# The capability without which a client never gets a command.
NEEDED = {
    "ACCOUNT": "account-notify",
    "ACK": "labeled-response",
    "AWAY": "away-notify",
    "BATCH": "batch",
    "CHGHOST": "chghost",
    "RENAME": "draft/channel-rename",
    "SETNAME": "setname",
    "TAGMSG": "message-tags",
}
# The same for tags; any other needs message-tags.
NEEDED_FOR_TAG = {
    "account": "account-tag",
    "batch": "batch",
    "label": "labeled-response",
    "time": "server-time",
}


def fold(name: str) -> str:
    """Return a name as CASEMAPPING=ascii compares it."""
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in name)


@dataclass(slots=True)
class Line:
    """A line taken apart ("Message Format"); tags as they were sent, without unescaping."""

    tags: dict[str, str]
    source: str
    command: str
    params: list[str]

    @property
    def nick(self) -> str:
        return self.source.partition("!")[0]


def take_apart(text: str) -> Line:
    """Return the parts of a line without CR LF."""
    tags: dict[str, str] = {}
    source = ""
    if text.startswith("@"):
        raw, text = text[1:].split(" ", 1)
        tags = {key: value for key, _, value in (tag.partition("=") for tag in raw.split(";"))}
    if text.startswith(":"):
        source, text = text[1:].split(" ", 1)
    middle, colon, trailing = text.partition(" :")
    words = middle.split(" ")
    assert "" not in words, f"two spaces: {text}"
    return Line(tags, source, words[0], [*words[1:], *([trailing] if colon else [])])


@dataclass(slots=True)
class Standing:
    """What is known of a member's roles: the signs it has, and those that it may have.

    Without multi-prefix a list of names shows the highest role and hides the lower ones.
    """

    signs: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)

    def fits(self, signs: Iterable[str]) -> bool:
        """Tell whether a member can have exactly these roles by all that was seen."""
        return self.signs <= set(signs) <= self.signs | self.hidden


@dataclass(slots=True)
class Channel:
    """A channel that the client is in. ``modes`` (without lists) are ``None`` until asked for.

    ``complete`` says that a whole list of names came since the client entered, ``unasked`` that
    one was to come by itself: there was no no-implicit-names then.
    """

    name: str
    topic: str = ""
    modes: dict[str, str] | None = None
    complete: bool = False
    unasked: bool = True
    members: dict[str, Standing] = field(default_factory=dict)


class Bookkeeper:
    """Takes the lines of one session in order. Raises ``AssertionError`` for what may not be.

    ``labels`` counts the answers by label. While ``aside`` is set, names and modes that were asked
    for are put into ``names`` and ``told`` instead of the channels.
    """

    def __init__(self, nick: str) -> None:
        self.nick = nick
        self.enabled: set[str] = set()
        self.channels: dict[str, Channel] = {}
        self.batches: dict[str, str] = {}
        self.labels: Counter[str] = Counter()
        self.aside = False
        self.names: dict[str, dict[str, Standing]] = {}
        self.told: dict[str, dict[str, str]] = {}
        self.prefixes: dict[str, str] = {}
        self.chanmodes = ["", "", "", ""]
        self._listing: dict[str, dict[str, Standing]] = {}

    def take(self, data: bytes) -> Line:
        """Check one line, given without CR LF, follow it, and return its parts."""
        assert data, "a line is empty"
        assert not set(data) & {0, 10, 13}, f"CR, LF or NUL inside: {data!r}"
        text = data.decode()  # UTF8ONLY
        tags_end = text.index(" ") + 1 if text.startswith("@") else 0
        assert len(text[:tags_end].encode()) <= TAG_BYTES_MAX, text
        assert len(text[tags_end:].encode()) + 2 <= LINE_BYTES_MAX, text
        line = take_apart(text)
        assert line.source or line.command in SOURCELESS, f"whose line is that? {text}"
        self._check_negotiated(line, text)
        if "label" in line.tags:
            self.labels[line.tags["label"]] += 1
        batch = line.tags.get("batch")
        if batch is not None:
            assert batch in self.batches, f"no such batch is open: {text}"
        if self._is_past(batch):
            return line
        follow = getattr(self, f"_on_{line.command.lower()}", None)
        if follow is not None:
            follow(line)
        return line

    def _is_past(self, batch: str | None) -> bool:
        return batch is not None and self.batches[batch] == "chathistory"

    def _check_negotiated(self, line: Line, text: str) -> None:
        needed = NEEDED.get(line.command)
        assert needed is None or needed in self.enabled, f"{needed} was not negotiated: {text}"
        for key in line.tags:
            needed = NEEDED_FOR_TAG.get(key, "message-tags")
            if needed == "server-time" and "znc.in/playback" in self.enabled:
                continue
            assert needed in self.enabled, f"{needed} was not negotiated: {text}"

    def _own(self, nick: str) -> bool:
        return fold(nick) == fold(self.nick)

    def _channel(self, name: str) -> Channel:
        assert fold(name) in self.channels, f"{self.nick} is not in {name}"
        return self.channels[fold(name)]

    # --- connection -----------------------------------------------------------------------------

    def _on_001(self, line: Line) -> None:
        self.nick = line.params[0]

    def _on_005(self, line: Line) -> None:
        for token in line.params[1:-1]:
            key, _, value = token.partition("=")
            if key == "PREFIX":
                letters, _, signs = value[1:].partition(")")
                self.prefixes = dict(zip(letters, signs, strict=True))
            elif key == "CHANMODES":
                self.chanmodes = value.split(",")[:4]

    def _on_cap(self, line: Line) -> None:
        if line.params[1] == "ACK":
            for name in line.params[2].split():
                if name.startswith("-"):
                    self.enabled.discard(name[1:])
                else:
                    self.enabled.add(name)

    def _on_batch(self, line: Line) -> None:
        reference = line.params[0]
        if reference.startswith("+"):
            assert reference[1:] not in self.batches
            self.batches[reference[1:]] = line.params[1]
        else:
            assert self.batches.pop(reference[1:], None) is not None, "this batch is not open"

    def _on_nick(self, line: Line) -> None:
        old, new = fold(line.nick), line.params[0]
        if old == fold(self.nick):
            self.nick = new
        for channel in self.channels.values():
            if old in channel.members:
                channel.members[fold(new)] = channel.members.pop(old)

    # --- who is where ---------------------------------------------------------------------------

    def _on_join(self, line: Line) -> None:
        assert ("extended-join" in self.enabled) == (len(line.params) == 3), line
        name = line.params[0]
        if self._own(line.nick):
            assert fold(name) not in self.channels, f"{self.nick} entered {name} a second time"
            unasked = "no-implicit-names" not in self.enabled
            self.channels[fold(name)] = Channel(name, unasked=unasked)
        members = self._channel(name).members
        assert fold(line.nick) not in members, f"{line.nick} entered {name} a second time"
        members[fold(line.nick)] = Standing()

    def _on_part(self, line: Line) -> None:
        self._gone(line.params[0], line.nick)

    def _on_kick(self, line: Line) -> None:
        self._gone(line.params[0], line.params[1], known=False)

    def _gone(self, name: str, nick: str, *, known: bool = True) -> None:
        if fold(name) not in self.channels:
            # An operator of the server may kick from a channel without being in it.
            assert not known, f"{self.nick} is not in {name}"
            return
        channel = self._channel(name)
        if self._own(nick):
            del self.channels[fold(name)]
        elif channel.complete:
            # A member who was away is kicked without ever having been seen.
            assert not known or fold(nick) in channel.members, f"{nick} was not in {name}"
            channel.members.pop(fold(nick), None)
        else:
            channel.members.pop(fold(nick), None)

    def _on_quit(self, line: Line) -> None:
        assert not self._own(line.nick), "its own QUIT is told by ERROR"
        seen = [channel for channel in self.channels.values() if fold(line.nick) in channel.members]
        complete = all(channel.complete for channel in self.channels.values())
        assert seen or not complete, f"{line.nick} was nowhere"
        for channel in seen:
            del channel.members[fold(line.nick)]

    def _on_rename(self, line: Line) -> None:
        old, new = line.params[:2]
        if fold(old) in self.channels:
            channel = self.channels.pop(fold(old))
            assert fold(new) not in self.channels
            channel.name = new
            self.channels[fold(new)] = channel

    def _on_invite(self, line: Line) -> None:
        assert self._own(line.params[0]) or "invite-notify" in self.enabled, line

    # --- names and roles ------------------------------------------------------------------------

    def _on_353(self, line: Line) -> None:
        names = self._listing.setdefault(fold(line.params[2]), {})
        for word in line.params[3].split():
            nick = word.lstrip("".join(self.prefixes.values()))
            signs = word[: len(word) - len(nick)]
            whole = "multi-prefix" in self.enabled
            assert whole or len(signs) <= 1, line
            assert ("!" in nick) == ("userhost-in-names" in self.enabled), line
            nick = fold(nick.partition("!")[0])
            assert nick not in names, f"{nick} stands in the names twice"
            order = "".join(self.prefixes.values())
            lower = order[order.index(signs) + 1 :] if signs and not whole else ""
            names[nick] = Standing(set(signs), set(lower))

    def _on_366(self, line: Line) -> None:
        key = fold(line.params[1])
        names = self._listing.pop(key, {})
        if self.aside:
            self.names[key] = names
        elif key in self.channels and fold(self.nick) in names:
            self.channels[key].members = names
            self.channels[key].complete = True

    def _on_mode(self, line: Line) -> None:
        if not line.params[0].startswith("#") or fold(line.params[0]) not in self.channels:
            return
        channel = self._channel(line.params[0])
        params = iter(line.params[2:])
        lists, keys, limits, flags = self.chanmodes
        adding = True
        for letter in line.params[1]:
            if letter in "+-":
                adding = letter == "+"
            elif letter in self.prefixes:
                # A member who is away can be given roles, too.
                member = channel.members.get(fold(next(params)))
                if member is not None:
                    member.hidden.discard(self.prefixes[letter])
                    (member.signs.add if adding else member.signs.discard)(self.prefixes[letter])
            else:
                assert letter in lists + keys + limits + flags, line
                bare = letter in flags or (letter in limits and not adding)
                param = "" if bare else next(params)
                if letter not in lists and channel.modes is not None:
                    if adding:
                        channel.modes[letter] = param
                    else:
                        channel.modes.pop(letter, None)
        assert next(params, None) is None, f"too many parameters: {line}"

    def _on_324(self, line: Line) -> None:
        key = fold(line.params[1])
        params = iter(line.params[3:])
        with_param = self.chanmodes[1] + self.chanmodes[2]
        modes = {
            letter: next(params) if letter in with_param else "" for letter in line.params[2][1:]
        }
        if self.aside:
            self.told[key] = modes
        elif key in self.channels:
            self.channels[key].modes = modes

    # --- topics ---------------------------------------------------------------------------------

    def _on_topic(self, line: Line) -> None:
        if fold(line.params[0]) in self.channels:
            self._channel(line.params[0]).topic = line.params[1]

    def _on_332(self, line: Line) -> None:
        if fold(line.params[1]) in self.channels:
            self._channel(line.params[1]).topic = line.params[2]
