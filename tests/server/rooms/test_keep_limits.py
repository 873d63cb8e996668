"""How long messages are kept: what is written, what holds, and how it is told."""

from __future__ import annotations

import pytest

from securechat.config import Settings
from securechat.server.rooms.keep_limits import Keeping, parse_keeping, server_keeping

DAY = 86400


@pytest.mark.parametrize(
    ("text", "keeping"),
    [
        ("90d", Keeping(90 * DAY)),
        ("1h", Keeping(3600)),
        ("1w2d", Keeping(9 * DAY)),
        ("10000", Keeping(0, 10000)),
        ("10", Keeping(0, 10)),
        ("90d 10000", Keeping(90 * DAY, 10000)),
        ("10000 90D", Keeping(90 * DAY, 10000)),
        ("default", Keeping()),
        ("OFF", Keeping()),
    ],
)
def test_what_can_be_set(text: str, keeping: Keeping) -> None:
    assert parse_keeping(text.split()) == keeping


@pytest.mark.parametrize(
    "text",
    ["", "0", "9", "59m", "11y", "3651d", "soon", "-5", "90d 90d", "90d 80d 70", "100 200", "²",
     "default 90d", "0 90d", "90d 0", "1000000001", "9" * 40, "12d34"],
)  # fmt: skip
def test_what_cannot_be_set(text: str) -> None:
    with pytest.raises(ValueError, match=r"a duration is|write a time"):
        parse_keeping(text.split())


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (Keeping(), Keeping(), Keeping()),
        (Keeping(5), Keeping(), Keeping(5)),
        (Keeping(), Keeping(0, 7), Keeping(0, 7)),
        (Keeping(5, 7), Keeping(6, 6), Keeping(5, 6)),
        (Keeping(5), Keeping(0, 6), Keeping(5, 6)),
    ],
)
def test_the_shorter_of_two_holds(one: Keeping, other: Keeping, both: Keeping) -> None:
    assert one.within(other) == other.within(one) == both


@pytest.mark.parametrize(
    ("keeping", "sentence"),
    [
        (Keeping(), "Retention: messages are kept for ever"),
        (Keeping(90 * DAY), "Retention: messages are deleted after 90 days"),
        (Keeping(DAY), "Retention: messages are deleted after 1 day"),
        (Keeping(0, 50), "Retention: all but the latest 50 messages are deleted"),
        (
            Keeping(3600, 50),
            "Retention: messages are deleted after 1 hour, and all but the latest 50",
        ),
    ],
)
def test_what_people_are_told(keeping: Keeping, sentence: str) -> None:
    assert keeping.sentence == sentence


def test_what_the_server_keeps() -> None:
    assert server_keeping(Settings()) == Keeping()
    assert server_keeping(Settings(keep_days=30, keep_messages=9)) == Keeping(30 * DAY, 9)
