"""The error tree: every failure that SecureChat names, and who is to blame for it.

The type tells what is done about it. A :class:`PeerError` ends the one connection whose peer
caused it. A :class:`UserError` becomes one sentence on a command line. A :class:`StoreError`
is answered on the wire and the server goes on. Anything else is our own bug and stays loud.
"""

from __future__ import annotations


class SecureChatError(Exception):
    """The root of everything raised on purpose."""


# --- what a person at a command line did or must do -------------------------------------------


class UserError(SecureChatError):
    """A failure that one sentence explains; the text says what to do. Exit status 1."""


class ConfigError(UserError):
    """A setting that is unknown or out of range."""


class CertificateError(UserError):
    """A certificate or key that is missing, unreadable, mismatched or expired."""


# --- what a peer did --------------------------------------------------------------------------


class PeerError(SecureChatError):
    """The other side broke a rule, or went away: its connection ends, nothing else does."""


class ConnectionLost(PeerError):
    """The transport broke: reset, timed out, or closed while something was still to be sent."""


class HandshakeFailed(PeerError):
    """TLS could not be agreed; ``reason`` is OpenSSL's word for why, in lower case.

    Where the peer's certificate was refused, ``verify_code`` is OpenSSL's number for it (such as
    62, another host's name) and ``verify_message`` its sentence.
    """

    def __init__(
        self, reason: str, *, verify_code: int | None = None, verify_message: str = ""
    ) -> None:
        super().__init__(f"{reason}: {verify_message}" if verify_message else reason)
        self.reason = reason
        self.verify_code = verify_code
        self.verify_message = verify_message


class MessageError(PeerError):
    """A line that is not a message of the protocol."""


class LineTooLong(MessageError):
    """A line, or its tags, past the limit; the line is gone and reading can go on."""


# --- what the store could not do --------------------------------------------------------------


class StoreError(SecureChatError):
    """The store did not do what was asked."""


class StoreRefused(StoreError):
    """Certainly not stored: a full disk, or a write that was rolled back."""


class StoreUnavailable(StoreError):
    """Unknown whether stored: append the same msgids again to find out."""


class Conflict(StoreError):
    """A compare-and-set found another version than the expected one; nothing was stored.

    ``kind`` and ``key`` name the record that had changed.
    """

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"{kind} {key} was changed by somebody else")
        self.kind = kind
        self.key = key
