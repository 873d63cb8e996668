"""What a password must be, and its one spelling."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securechat.store.credentials.common_passwords import COMMON
from securechat.store.credentials.password_rules import (
    LENGTH_MIN_SHORT,
    UnusablePassword,
    check_password,
    generate,
    prepare,
)


@pytest.mark.parametrize(
    "password",
    [
        "my cat sits on the mat",
        "fifteen letters",
        "583920174625381",
        "ÄÖÜ ohne Regeln für Zeichen",
        "\N{SNOWMAN} \N{UMBRELLA} \N{COMET} snow, rain and fire",
        "alice went to the market",
        "a long one of sixty-four characters or more is taken, as it should be",
        "".join(chr(0x4E00 + n) for n in range(85)),  # 255 bytes
    ],
)
def test_passwords_that_are_taken(password: str) -> None:
    """NIST SP 800-63B-4 section 3.1.1: no composition rules, at least 64 characters accepted."""
    check_password(password, "alice")


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("", "empty"),
        ("fourteen chars", "too short: use at least 15"),
        ("e\N{COMBINING ACUTE ACCENT}" * 14, "too short"),
        ("\N{SNOWMAN}" * 14, "too short"),
        ("x" * 256, "too long: at most 255"),
        ("\N{SNOWMAN}" * 86, "too long"),
        ("a tab\tin the middle", "control character"),
        ("a nul\0in the middle", "control character"),
        ("a line\nin the middle", "control character"),
        ("a return\rin the middle", "control character"),
        ("lone \ud800 surrogates", "control character"),
        ("correct horse battery staple", "everybody tries"),
        ("Correct-Horse-Battery-Staple", "everybody tries"),
        ("Password12345678", "everybody tries"),
        ("iloveyou forever 1999", "everybody tries"),
        ("passwordpassword", "everybody tries"),
        ("WelcomeWelcome1", "everybody tries"),
        ("alice alice alice", "account's name"),
        ("Alice20240101alice", "account's name"),
        ("hello world hello world", "pattern"),
        ("securechat securechat", "pattern"),
        ("aaaaaaaaaaaaaaa", "pattern"),
        ("abcabcabcabcabcab", "pattern"),
        ("abcdefghijklmnop", "pattern"),
        ("zyxwvutsrqponmlk", "pattern"),
        ("123456789012345", "pattern"),
        ("987654321987654321", "pattern"),
        ("qwertyuiopasdfghjkl", "pattern"),
        ("1qaz2wsx3edc4rfv", "pattern"),
        ("aaaaaaaa11111111", "pattern"),
        ("---------------", "pattern"),
    ],
)
def test_passwords_that_are_not_taken(password: str, sentence: str) -> None:
    """NIST SP 800-63B-4 section 3.1.1: length, a blocklist with the account's name on it."""
    with pytest.raises(UnusablePassword, match=sentence) as caught:
        check_password(password, "alice")
    if password:
        assert password not in str(caught.value)


def test_a_second_factor_may_be_shorter() -> None:
    check_password("tr0ub4do", length_min=LENGTH_MIN_SHORT)
    for weak in ("short", "trustno1", "abcd1234", "P@ssw0rd", "00000000"):
        with pytest.raises(UnusablePassword):
            check_password(weak, length_min=LENGTH_MIN_SHORT)


def test_the_common_ones() -> None:
    assert len(COMMON) > 400
    for password in COMMON:
        assert len(password) >= 8
        assert password == password.casefold()
        with pytest.raises(UnusablePassword):
            check_password(password, length_min=LENGTH_MIN_SHORT)


def test_one_spelling() -> None:
    """RFC 8265 section 4.2.2: other spaces become ASCII spaces, then NFC; case and width stay."""
    assert prepare("e\N{COMBINING ACUTE ACCENT}") == "\N{LATIN SMALL LETTER E WITH ACUTE}"
    assert prepare("a\N{NO-BREAK SPACE}b\N{IDEOGRAPHIC SPACE}c\N{EN QUAD}d") == "a b c d"
    assert (
        prepare("Ab\N{FULLWIDTH LATIN CAPITAL LETTER A}")
        == "Ab\N{FULLWIDTH LATIN CAPITAL LETTER A}"
    )
    assert prepare(" lead and trail ") == " lead and trail "


@given(st.text(max_size=80))
def test_preparing_twice_changes_nothing_more(password: str) -> None:
    """RFC 8265 section 4.2.2 (RFC 8264 section 7): a prepared password is prepared."""
    try:
        prepared = prepare(password)
    except UnusablePassword:
        return
    assert prepare(prepared) == prepared
    assert not re.search(r"[\0\r\n]", prepared)
    assert 0 < len(prepared.encode()) <= 255


@given(st.text(alphabet="ab1 -", min_size=8, max_size=40))
def test_checking_always_ends_in_an_answer(password: str) -> None:
    with contextlib.suppress(UnusablePassword):
        check_password(password, "ab", length_min=8)


def test_generated_ones() -> None:
    made = {generate() for _ in range(200)}
    assert len(made) == 200
    for password in made:
        assert re.fullmatch(r"(?:[a-hjkmnp-z2-9]{4}-){4}[a-hjkmnp-z2-9]{4}", password)
        check_password(password, "alice")
        assert prepare(password) == password
