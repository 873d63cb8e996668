"""Emoji by name: ``:tada:`` and its like, as GitHub and Slack name them. Pure.

The names are those of the ``emoji`` package. It takes a tenth of a second to read, so that is put
off until the first name is asked for; the common ones, which come first, need no reading.
"""

from __future__ import annotations

import re
from functools import lru_cache

from securechat.client.tui.text import width

# What people use most, roughly in that order; each wins over longer names that begin like it.
COMMON: dict[str, str] = {
    "joy": "😂", "heart": "❤️", "thumbsup": "👍", "+1": "👍", "smile": "😄", "tada": "🎉",
    "fire": "🔥", "pray": "🙏", "eyes": "👀", "rofl": "🤣", "ok_hand": "👌", "clap": "👏",
    "thinking": "🤔", "wave": "👋", "rocket": "🚀", "100": "💯", "white_check_mark": "✅",
    "check": "✔️", "thumbsdown": "👎", "-1": "👎", "sob": "😭", "wink": "😉", "blush": "😊",
    "heart_eyes": "😍", "sunglasses": "😎", "grin": "😁", "grinning": "😀", "laughing": "😆",
    "sweat_smile": "😅", "slightly_smiling_face": "🙂", "upside_down_face": "🙃", "relieved": "😌",
    "cry": "😢", "scream": "😱", "angry": "😠", "neutral_face": "😐", "roll_eyes": "🙄",
    "facepalm": "🤦", "shrug": "🤷", "muscle": "💪", "raised_hands": "🙌", "point_up": "☝️",
    "handshake": "🤝", "warning": "⚠️", "x": "❌", "question": "❓", "exclamation": "❗",
    "bulb": "💡", "bug": "🐛", "zap": "⚡", "star": "⭐", "sparkles": "✨", "coffee": "☕",
    "beer": "🍺", "cake": "🎂", "pizza": "🍕", "party": "🥳", "skull": "💀", "robot": "🤖",
    "hourglass": "⌛", "lock": "🔒", "key": "🔑", "memo": "📝", "package": "📦", "wrench": "🔧",
    "dog": "🐶", "cat": "🐱", "sun": "☀️", "rainbow": "🌈", "broken_heart": "💔", "blue_heart": "💙",
}  # fmt: skip
_END_OF_TAGS = "\U000e007f"
_SHORTCODE = re.compile(r"(?<![\w:]):([a-z0-9_+'-]{1,60}):(?![\w:])", re.IGNORECASE)
_CODE = re.compile(r"(`+)[^`].*?\1", re.DOTALL)


@lru_cache(maxsize=1)
def _all() -> dict[str, str]:
    """Return every name and its emoji: the common ones, then short names, then long ones."""
    from emoji import EMOJI_DATA, STATUS  # noqa: PLC0415 - slow to read, and seldom needed

    short: dict[str, str] = {}
    long: dict[str, str] = {}
    for sign, about in EMOJI_DATA.items():
        # The flags made of tag letters cannot be shown as they are, whatever the terminal.
        if about["status"] != STATUS["fully_qualified"] or _END_OF_TAGS in sign or width(sign) != 2:
            continue
        for alias in about.get("alias", ()):
            short.setdefault(_name(alias), sign)
        long.setdefault(_name(about["en"]), sign)
    return {**COMMON, **{name: sign for name, sign in (short | long).items() if name not in COMMON}}


def _name(shortcode: str) -> str:
    return shortcode.strip(":").lower().replace("\u2019", "'")


def find(name: str) -> str | None:
    """Return the emoji of a name, with or without colons; ``None`` where there is none."""
    wanted = _name(name)
    return COMMON.get(wanted) or _all().get(wanted)


@lru_cache(maxsize=256)
def search(letters: str, most: int) -> tuple[tuple[str, str], ...]:
    """Return at most so many names and emoji, each emoji once.

    The exact name comes first, then names that begin with the letters (common ones before others,
    short before long), then those in which a later word does, then those that contain them.
    """
    wanted = _name(letters).replace(" ", "_")
    common = {name: place for place, name in enumerate(COMMON)}
    ranked = []
    for name, sign in _all().items():
        if name.startswith(wanted):
            rank = 0 if name == wanted else 1
        elif f"_{wanted}" in name:
            rank = 2
        elif wanted in name:
            rank = 3
        else:
            continue
        ranked.append((rank, common.get(name, len(common)), len(name), name, sign))
    found: dict[str, str] = {}
    for *_, name, sign in sorted(ranked):
        found.setdefault(sign, name)
        if len(found) == most:
            break
    return tuple((name, sign) for sign, name in found.items())


def expand(text: str) -> str:
    """Return a text with the names between colons as emoji; code, and unknown names, stay."""
    out = []
    at = 0
    for code in _CODE.finditer(text):
        out += [_SHORTCODE.sub(_sign, text[at : code.start()]), code[0]]
        at = code.end()
    return "".join([*out, _SHORTCODE.sub(_sign, text[at:])])


def _sign(match: re.Match[str]) -> str:
    return find(match[1]) or match[0]
