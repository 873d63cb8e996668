"""What a password must be, and the one spelling in which it is hashed and compared.

NIST SP 800-63B-4 section 3.1.1: length is what counts, no rules about kinds of characters, and
what everybody tries first is refused. RFC 8265 section 4.2 (OpaqueString): one normal form, so that
the same password typed on another keyboard is the same password.
"""

from __future__ import annotations

import secrets
import unicodedata

from securechat.errors import UserError
from securechat.protocol.tokens import PREFIX
from securechat.store.credentials.common_passwords import COMMON

LENGTH_MIN = 15
#: Where a password is generated, or is one of two factors.
LENGTH_MIN_SHORT = 8
#: What a SASL PLAIN message must be able to carry (RFC 4616 section 2), and a PASS line can.
BYTES_MAX = 255

# Without i, l, o, 0 and 1, which are taken for each other.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS = 5
_GROUP_LENGTH = 4

_KEYBOARD_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "`1234567890-=",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertzuiopü",
    "yxcvbnm,.-",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn,;:!",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "qazwsxedcrfvtgbyhnujmikolp",
)


class UnusablePassword(UserError):
    """A password that cannot be one here; the text says why and never repeats it."""


def prepare(password: str) -> str:
    """Return the form of a password that is hashed; the same when it is set and when checked.

    Raises ``UnusablePassword`` for an empty or too long one, or one with control characters.
    """
    spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in password)
    prepared = unicodedata.normalize("NFC", spaced)
    if not prepared:
        raise UnusablePassword("The password is empty.")
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in prepared):
        raise UnusablePassword(
            "The password has a control character in it, such as a tab or the end of a line."
        )
    if len(prepared.encode()) > BYTES_MAX:
        raise UnusablePassword(f"The password is too long: at most {BYTES_MAX} bytes are taken.")
    return prepared


def check_password(password: str, account: str = "", *, length_min: int = LENGTH_MIN) -> None:
    """Raise ``UnusablePassword`` with a sentence unless this can become a password.

    ``account`` is the name it is for, which it may not just repeat.
    """
    prepared = prepare(password)
    if len(prepared) < length_min:
        raise UnusablePassword(
            f"The password is too short: use at least {length_min} characters, "
            "for example a few words in a row."
        )
    if prepared.startswith(PREFIX):
        raise UnusablePassword(
            f"A password does not begin with {PREFIX}: that is how devices' tokens begin."
        )
    plain = prepared.casefold()
    letters = "".join(char for char in plain if char.isalnum())
    if plain in COMMON or letters in COMMON or letters.rstrip("0123456789") in COMMON:
        raise UnusablePassword("The password is one of those that everybody tries first.")
    name = "".join(char for char in account.casefold() if char.isalnum())
    if name and name in letters and not letters.replace(name, "").strip("0123456789"):
        raise UnusablePassword("The password is little more than the account's name.")
    if _is_pattern(plain) or (letters and _is_pattern(letters)):
        raise UnusablePassword("The password only repeats or continues a simple pattern.")


def _is_pattern(plain: str) -> bool:
    """Tell a short part said over again, or runs along the alphabet, digits or keyboard."""
    unit = _repeated_unit(plain)
    if len(unit) < LENGTH_MIN_SHORT and 2 * len(unit) <= len(plain):
        return True
    return unit in COMMON or _is_run(unit)


def _repeated_unit(text: str) -> str:
    """Return the shortest beginning that, said over and over, gives the text, cut off anywhere."""
    for length in range(1, len(text)):
        if text[length:] == text[:-length]:
            return text[:length]
    return text


def _is_run(text: str) -> bool:
    """Tell whether the text is at most three runs along a row, each way, or of one character."""
    runs = 0
    rest = text
    while rest:
        rest = rest[_run_length(rest) :]
        runs += 1
    return runs <= 3


def _run_length(text: str) -> int:
    """Return how far the text follows one row, in either direction, or repeats itself."""
    longest = len(text) - len(text.lstrip(text[0]))
    for row in _KEYBOARD_ROWS:
        for line in (row, row[::-1]):
            length = 1
            while length < len(text) and text[: length + 1] in line:
                length += 1
            longest = max(longest, length)
    return longest


def generate() -> str:
    """Return a new random password of 99 bits that is easy to read out and to type."""
    return "-".join(
        "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS)
    )
