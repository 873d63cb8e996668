"""Labeled responses: one command's answers, marked with the label that the client gave it.

Pure. IRCv3 ``labeled-response``: no answer becomes ``ACK``, one line gets the label, several
become one batch, whose start gets it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from securechat.protocol.capabilities import BATCH, LABELED_RESPONSE
from securechat.protocol.message import Message, format_tags

LABEL_BYTES_MAX = 64
_WANTED = LABELED_RESPONSE | BATCH


def label_of(message: Message, enabled: int) -> str:
    """Return a command's label, escaped as it is sent back, or nothing if its answers have none.

    ``enabled`` are the client's capabilities. A label that is too long is none.
    """
    value = message.tags.get("label") if message.tags else None
    if not value or len(value.encode()) > LABEL_BYTES_MAX or enabled & _WANTED != _WANTED:
        return ""
    return format_tags({"label": value}).removeprefix("label=")


def labeled(label: str, lines: Sequence[str], server: str) -> list[str]:
    """Return the lines that answer a labeled command (no CR LF); ``label`` is as it is sent."""
    tag = f"label={label}"
    if not lines:
        return [f"@{tag} :{server} ACK"]
    if len(lines) == 1 or _is_one_batch(lines):
        return [tagged(lines[0], tag), *lines[1:]]
    batch = secrets.token_hex(4)
    return [
        f"@{tag} :{server} BATCH +{batch} labeled-response",
        *(line if _in_a_batch(line) else tagged(line, f"batch={batch}") for line in lines),
        f":{server} BATCH -{batch}",
    ]


def in_order(
    lines: Sequence[str],
    places: Sequence[int],
    others: Sequence[bytes],
    *,
    exact: int | None = None,
) -> list[bytes]:
    """Return labeled lines as bytes, each behind as many of the others' as its place says.

    ``lines`` are what ``labeled`` made of as many answers as there are ``places``: a batch's start
    goes with the first answer, what comes after the last answer with that one. Behind the first
    ``exact`` pieces (``None``: all) come all of the others' before any more lines.
    """
    opening = len(lines) > len(places) > 0
    pieces: list[bytes] = []
    done = 0
    for number, line in enumerate(lines):
        answer = min(max(number - opening, 0), len(places) - 1)
        place = places[answer] if places else 0
        if exact is not None and len(pieces) >= exact:
            place = len(others)
        pieces += others[done:place]
        done = max(done, place)
        pieces.append(f"{line}\r\n".encode())
    return [*pieces, *others[done:]]


def tagged(line: str, tag: str) -> str:
    """Return a line with one more tag."""
    return f"@{tag};{line[1:]}" if line.startswith("@") else f"@{tag} {line}"


def _in_a_batch(line: str) -> bool:
    tags = line[1:].partition(" ")[0] if line.startswith("@") else ""
    return any(tag.startswith("batch=") for tag in tags.split(";"))


def _without_tags(line: str) -> str:
    return line.partition(" ")[2] if line.startswith("@") else line


def _is_one_batch(lines: Sequence[str]) -> bool:
    """Tell whether the lines are one batch from its start to its end."""
    first, last = (_without_tags(line).split(" ") for line in (lines[0], lines[-1]))
    return (
        first[1:2] == ["BATCH"]
        and last[1:2] == ["BATCH"]
        and first[2].startswith("+")
        and last[2] == f"-{first[2][1:]}"
    )
