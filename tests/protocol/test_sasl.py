"""SASL: chunks, the PLAIN message, and that neither ever shows a secret."""

from __future__ import annotations

import base64
import traceback

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from securechat.protocol.sasl import (
    CHUNK_BYTES,
    BadCredentials,
    Collector,
    Credentials,
    ResponseTooLong,
    chunks_of,
    decode_plain,
    encode_plain,
)

SECRET = "correct horse battery staple"

safe = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


def collected(chunks: list[str], limit: int = 0) -> bytes | None:
    """Return what the last chunk completes; none before it may complete anything."""
    collector = Collector(limit)
    for chunk in chunks[:-1]:
        assert collector.add(chunk) is None
    return collector.add(chunks[-1])


# --- chunks ------------------------------------------------------------------------------------

# 300 bytes make 400 of base64.
lengths = st.integers(0, 1300) | st.sampled_from([299, 300, 301, 599, 600, 601, 900, 1200])


@given(lengths.flatmap(lambda length: st.binary(min_size=length, max_size=length)))
@example(b"")
@example(b"x" * 300)
@example(b"x" * 600)
def test_a_response_survives_its_chunks(response: bytes) -> None:
    """Sasl-3.1, "The AUTHENTICATE command": 400 bytes a chunk, the last one shorter or ``+``."""
    chunks = list(chunks_of(response))
    assert all(len(chunk) == CHUNK_BYTES for chunk in chunks[:-1])
    assert chunks[-1] == "+" or 0 < len(chunks[-1]) < CHUNK_BYTES
    assert collected(chunks) == response


def test_an_empty_response_is_a_plus() -> None:
    """Sasl-3.1, "The AUTHENTICATE command"."""
    assert list(chunks_of(b"")) == ["+"]
    assert collected(["+"]) == b""


def test_a_full_last_chunk_is_followed_by_a_plus() -> None:
    """Sasl-3.1, "The AUTHENTICATE command"."""
    assert list(chunks_of(b"\0" * 300)) == ["A" * 400, "+"]
    assert list(chunks_of(b"\0" * 303)) == ["A" * 400, "AAAA"]


def test_the_example_of_the_specification() -> None:
    """Sasl-3.1, "Example protocol exchange"."""
    response = collected(["amlsbGVzAGppbGxlcwBzZXNhbWU="])
    assert response == b"jilles\0jilles\0sesame"
    assert decode_plain(response) == Credentials("jilles", "sesame")


def test_a_chunk_has_400_bytes_at_most() -> None:
    """Sasl-3.1, "Numerics used by this extension", 905."""
    with pytest.raises(ResponseTooLong):
        Collector(0).add("A" * 401)


@pytest.mark.parametrize("limit", [1, 399, 400, 404, 8192])
def test_a_response_may_have_exactly_its_limit(limit: int) -> None:
    """Sasl-3.1, "The AUTHENTICATE command": the server may limit the total length."""
    text = "A" * limit
    fits = [text[at : at + 400] for at in range(0, limit, 400)]
    collector = Collector(limit)
    for chunk in fits[:-1]:
        assert collector.add(chunk) is None
    if len(fits[-1]) == 400:
        assert collector.add(fits[-1]) is None
        with pytest.raises(ResponseTooLong):
            collector.add("AAAA")
    elif limit % 4 == 0:
        assert collector.add(fits[-1]) == b"\0" * (limit // 4 * 3)
    with pytest.raises(ResponseTooLong):
        collected([*fits[:-1], fits[-1] + "A"] if len(fits[-1]) < 400 else [*fits, "A"], limit)


def test_no_limit_is_no_limit() -> None:
    assert collected([*["AAAA" * 100] * 100, "+"]) == b"\0" * 30_000


@pytest.mark.parametrize(
    "chunk",
    ["!", "AAA", "A===", "AA==AA==", "AAAA AAAA", "A" * 399, "-_-_", "\u00e9" * 4, "++", "AAAA+"],
)
def test_what_is_not_base64(chunk: str) -> None:
    """Sasl-3.1 refers to RFC 4648, section 4."""
    with pytest.raises(BadCredentials):
        Collector(0).add(chunk)


@given(st.text(max_size=410))
def test_any_chunk_is_taken_or_refused(chunk: str) -> None:
    try:
        Collector(300).add(chunk)
    except BadCredentials:
        pass


# --- PLAIN -------------------------------------------------------------------------------------


@given(safe.filter(lambda account: "@" not in account), safe)
@example("a" * 255, "\u20ac" * 85)
def test_plain_round_trip(account: str, password: str) -> None:
    """RFC 4616, section 2: any characters but NUL, and at least 255 octets of each."""
    response = encode_plain(account, password)
    assert response.startswith(b"\0")
    assert decode_plain(response) == Credentials(account, password)


@pytest.mark.parametrize(
    ("response", "account"),
    [
        (b"\0alice\0pw", "alice"),
        (b"alice\0alice\0pw", "alice"),
        (b"Alice\0alice\0pw", "alice"),
        (b"alice\0ALICE\0pw", "ALICE"),
    ],
)
def test_an_authorization_identity_is_empty_or_the_account(response: bytes, account: str) -> None:
    """RFC 4616, section 2: its form is the protocol's; names equal under casemapping are one."""
    assert decode_plain(response) == Credentials(account, "pw")


@pytest.mark.parametrize("response", [b"bob\0alice\0pw", b" \0alice\0pw", b"alice \0alice\0pw"])
def test_nobody_acts_as_somebody_else(response: bytes) -> None:
    """RFC 4616, section 2: authorization fails where the identity may not be assumed."""
    with pytest.raises(BadCredentials, match="another account"):
        decode_plain(response)


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"alice",
        b"alice\0pw",
        b"\0\0",
        b"\0alice\0",
        b"\0\0pw",
        b"\0alice\0pw\0",
        b"\0alice\0p\0w",
        b"\0alice\0\xff",
        b"\0alice\0\xed\xa0\x80",
    ],
)
def test_what_is_no_plain_message(response: bytes) -> None:
    """RFC 4616, section 2: three parts, two of them not empty, all of them UTF-8."""
    with pytest.raises(BadCredentials):
        decode_plain(response)


# --- secrets -----------------------------------------------------------------------------------


def test_no_repr_shows_a_secret() -> None:
    collector = Collector(0)
    chunk = base64.b64encode((SECRET * 20).encode()).decode()[:400]
    assert collector.add(chunk) is None
    for shown in (repr(collector), repr(Credentials("alice", SECRET)), str([collector])):
        assert SECRET not in shown
        assert chunk[:8] not in shown


@pytest.mark.parametrize(
    "response",
    [
        f"bob\0alice\0{SECRET}".encode(),
        f"\0\0{SECRET}".encode(),
        f"{SECRET}".encode(),
        f"\0alice\0{SECRET}".encode() + b"\xff",
    ],
)
def test_no_refusal_shows_a_secret(response: bytes) -> None:
    with pytest.raises(BadCredentials) as caught:
        decode_plain(response)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "horse" not in shown


@pytest.mark.parametrize("chunk", [f"{SECRET}!", SECRET * 20, "AA" + SECRET])
def test_no_refusal_of_a_chunk_shows_it(chunk: str) -> None:
    with pytest.raises(BadCredentials) as caught:
        Collector(100).add(chunk)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "horse" not in shown
