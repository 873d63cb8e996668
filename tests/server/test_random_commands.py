"""Random commands, well-formed and not, from several sessions at once; the invariants after each.

The whole server runs in memory. After each burst of commands everybody's own bookkeeping, made of
nothing but what it was sent, agrees with the server's answers and with its directory; every line
keeps to its limits and to what was negotiated; every labeled command has one labeled answer; and
no bug was logged. In the end the server is started again on the same folder and knows the same.

``SECURECHAT_RANDOM_SCRIPTS`` sets how many scripts the slow test plays, and
``SECURECHAT_RANDOM_SEED`` from which number on.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs
from support.house import open_house
from support.party import ACCOUNTS, ADMINS, MODERATORS, Party, Restart, Say, Step
from support.scripts import SEPARATORS, reduced, script_of
from trio.testing import MockClock

from securechat.store.database import FILE_NAME

MEMORY = Path("/dev/shm")

FIRST = int(os.environ.get("SECURECHAT_RANDOM_SEED", "1000"))
COUNT = int(os.environ.get("SECURECHAT_RANDOM_SCRIPTS", "200"))
# One test plays no more: what takes minutes is taken for one that hangs.
AT_ONCE = 50

SCRIPTS: dict[str, list[Step]] = {
    # All in the order in which it happened, though the answers wait for each other.
    "between labeled joins": [
        [Say(4, b"JOIN #a")],
        [
            Say(1, b"@label=L1 JOIN #a,#b,#c,#d,#e", "L1"),
            *(Say(seat, b"JOIN #a,#b,#c,#d") for seat in (2, 5, 6)),
            *(Say(seat, b"PART #a,#b,#c,#d,#e") for seat in (2, 5, 6)),
        ],
    ],
    # What some take for ends of lines, in a text that is gathered for its label.
    "separators in labeled echoes": [
        [Say(1, f"@label=L1 PRIVMSG #lobby :{SEPARATORS}".encode(), "L1")]
    ],
}


@cache
def _prepared() -> bytes:
    """Return a store that has the accounts."""

    async def prepare(folder: Path) -> None:
        async with open_house(folder, ACCOUNTS, admins=ADMINS, moderators=MODERATORS):
            pass

    with tempfile.TemporaryDirectory() as name:
        trio.run(prepare, Path(name))
        return (Path(name) / FILE_NAME).read_bytes()


async def _play(folder: Path, script: Sequence[Step]) -> None:
    async with Party(folder) as party:
        await party.open()
        for step in [*script, Restart()]:
            await party.take(step)


def play(script: Sequence[Step]) -> None:
    """Play a script on a server of its own, in a run of its own, and check."""
    prepared = _prepared()
    with (
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name,
        capture_logs() as logs,
    ):
        (Path(name) / FILE_NAME).write_bytes(prepared)
        trio.run(_play, Path(name), script, clock=MockClock(autojump_threshold=0))
    bugs = [entry for entry in logs if entry["log_level"] in {"error", "critical"}]
    assert not bugs, bugs


def failure_of(script: Sequence[Step]) -> Exception | None:
    """Return why a script fails, or ``None``."""
    try:
        play(script)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        return error
    return None


def check(seed: int) -> None:
    """Play the script of a number; where that fails, show a short one that fails as well."""
    script = script_of(seed)
    failure = failure_of(script)
    if failure is None:
        return
    kind = type(failure)
    short = reduced(script, lambda shorter: type(failure_of(shorter)) is kind)
    lines = "\n".join(f"    {step}," for step in short)
    raise AssertionError(f"script {seed}, shortened:\n{lines}") from (failure_of(short) or failure)


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_once_went_wrong(name: str) -> None:
    play(SCRIPTS[name])


@pytest.mark.parametrize("seed", range(25))
def test_random_commands_keep_the_invariants(seed: int) -> None:
    """All that the head of this file promises."""
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(FIRST, FIRST + COUNT, AT_ONCE))
def test_many_random_commands_keep_the_invariants(start: int) -> None:
    """The same, for as many scripts as wanted."""
    for seed in range(start, min(start + AT_ONCE, FIRST + COUNT)):
        check(seed)
