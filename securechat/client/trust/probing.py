"""Looking at a server before it is trusted, and the question that a person answers.

A probe is a TLS handshake and nothing else: not one byte of application data goes out on it,
whatever the server shows or sends, and its connection is closed before anybody is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from securechat.addresses import canonical_host, with_port
from securechat.certificates import colon_form, unverified_context
from securechat.client.errors import TrustError, UnknownServer
from securechat.client.trust.choosing import Trust
from securechat.client.trust.known import KnownServer
from securechat.client.trust.reach import dial_tls, reach
from securechat.client.trust.seen import Seen

YES = "yes"
"""What is to be typed in full."""


async def appraise(host: str, port: int, trust: Trust) -> Seen | None:
    """Return what a server shows where nothing vouches for it and a person may be asked.

    ``None`` where something does, or where the connection itself decides: by ``--ca``, by a
    remembered key. Makes one or two connections, which carry no application data. Raises
    ``TrustError`` for a certificate that is refused without asking, and ``ConnectFailed``.
    """
    if trust.final:
        return None
    try:
        link = await reach(dial_tls(trust), host, port, trust)
    except UnknownServer:
        return await probe(host, port)
    link.close()
    return None


async def probe(host: str, port: int) -> Seen:
    """Shake hands with a server, whoever it is, and return what it showed.

    Raises ``ConnectFailed``, and ``TrustError`` for a certificate that cannot be read.
    """
    nobody = Trust(unverified_context(), "nobody", final=True)
    link = await reach(dial_tls(nobody), host, port, nobody)
    try:
        certificate = link.peer_certificate
    finally:
        link.close()
    if certificate is None:  # TLS 1.3 has no such server; whatever this is, it is none
        raise TrustError(f"Not connected: the server at {host} shows no certificate.")
    return Seen.of(canonical_host(host), port, certificate)


def question(seen: Seen, now: datetime, complaints: Sequence[str] = ()) -> str:
    """Return what a person is shown before ``yes`` is asked for; it ends with a line feed.

    What the server says of itself is in it as it is: show it through ``lines.visible`` line by
    line. ``complaints`` are sentences about the file of remembered servers.
    """
    place = with_port(seen.host, seen.port)
    rows = [
        ("SHA-256", seen.fingerprint),
        *(("", half) for half in halves(seen.fingerprint)),
        ("made for", ", ".join(seen.names) or "no name at all"),
        ("subject", seen.subject or "none"),
        ("issued by", "itself" if seen.issuer == seen.subject else seen.issuer or "nobody"),
        ("valid", f"from {seen.begins:%Y-%m-%d %H:%M} to {seen.ends:%Y-%m-%d %H:%M} UTC"),
    ]
    lines = [*complaints, f"Nothing here vouches for the server at {place}. It shows this:", ""]
    lines += [f"  {label:<11}{text}" for label, text in rows]
    lines += [f"  {'note':<11}{text}" for text in notes(seen, now)]
    lines += [
        "",
        (
            "Compare the SHA-256 with the one that securechat-server printed when it started, or "
            "ask the person who runs it. Somebody who stands between you and the server shows "
            "another one, and would read your password and all that you say. Nothing was sent to "
            "it so far."
        ),
        "",
        f"With {YES!r} its public key is remembered, and from then on that key alone is trusted.",
    ]
    return "\n".join(lines) + "\n"


def halves(fingerprint: str) -> tuple[str, str]:
    """Return a fingerprint with colons in two lines, which fit a terminal of 80 columns."""
    text = colon_form(fingerprint)
    middle = (len(text) + 1) // 2
    return text[:middle], text[middle:]


def notes(seen: Seen, now: datetime) -> list[str]:
    """Return what is odd about a certificate; none of it matters once its key is remembered."""
    out = []
    if seen.host not in seen.names:
        out.append(f"it is not made for {seen.host}")
    if now > seen.ends:
        out.append("it has expired")
    if now < seen.begins:
        out.append("it is not valid yet")
    return out


def agreed(answer: str) -> bool:
    """Tell whether an answer is the word in full; anything shorter is too easily typed."""
    return answer.strip().lower() == YES


def remembered(seen: Seen, today: date) -> KnownServer:
    """Return what is remembered about a server that somebody said yes to."""
    return KnownServer(seen.host, seen.port, seen.pin, today)
