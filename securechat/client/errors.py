"""What can go wrong for a client, by name.

A :class:`UserError` ends the client; its text is the sentence to show. The others are about one
request, and the client goes on.
"""

from __future__ import annotations

from securechat.errors import SecureChatError, UserError


class ConnectFailed(UserError):
    """The server could not be reached, or ended the connection before the login was through."""


class TrustError(UserError):
    """The server's certificate was not accepted; nothing was sent to it."""


class LoginRefused(UserError):
    """The server did not take the name and password, or offers no login. Not tried again."""


class NotSent(SecureChatError):
    """A line that was certainly not stored: refused by the server, or never handed to it.

    ``code`` is the server's numeric or standard reply code, or ``NOT_SENT``.
    """

    def __init__(self, target: str, text: str, code: str = "NOT_SENT") -> None:
        super().__init__(f"Not sent to {target}: {text}")
        self.target = target
        self.text = text
        self.code = code


class NotConfirmed(NotSent):
    """A line that was handed to the server and never acknowledged: it may or may not be stored."""

    def __init__(self, target: str, text: str) -> None:
        super().__init__(target, text, "NOT_CONFIRMED")
        self.args = (f"Sent to {target}, but {text}",)


class JoinRefused(SecureChatError):
    """The server did not let this account into a channel; ``code`` as in ``NotSent``."""

    def __init__(self, channel: str, text: str, code: str) -> None:
        super().__init__(f"Cannot join {channel}: {text}")
        self.channel = channel
        self.text = text
        self.code = code


class SearchFailed(SecureChatError):
    """The server did not search, or there is none that does; the text says why."""


class HistoryUnavailable(SecureChatError):
    """The server did not give the history of a conversation; the text says why."""


class NoAnswer(SecureChatError):
    """There is no connection, or it broke before the answer: it is unknown whether it was done."""


class Refused(SecureChatError):
    """The server did not do what was asked for; the text is its sentence.

    ``command`` is what was asked, ``code`` the numeric or the word of a standard reply.
    """

    def __init__(self, command: str, text: str, code: str) -> None:
        super().__init__(text)
        self.command = command
        self.text = text
        self.code = code


class EditRefused(Refused):
    """The server did not change a message: see its ``code`` (such as ``EDIT_WINDOW_EXPIRED``)."""


class RedactRefused(Refused):
    """The server did not remove a message."""


class ReactionRefused(Refused):
    """The server did not take a reaction."""


class NotOffered(Refused):
    """The server does not offer that; ``code`` is ``NOT_OFFERED``, and nothing was sent."""

    def __init__(self, command: str, what: str) -> None:
        super().__init__(command, f"This server offers no {what}.", "NOT_OFFERED")
