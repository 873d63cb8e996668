"""Getting into a server, as a pure dialogue: lines in, lines out.

Two ways: SASL PLAIN (RFC 4616) inside IRCv3 capability negotiation, and the server password of
RFC 2812, section 3.1.1. Both end inside the channel.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

REFUSALS = frozenset({"432", "433", "461", "464", "465", "471", "473", "474", "475", "491"})
SASL_REFUSALS = frozenset({"902", "904", "905", "906", "908"})


class LoginRefused(Exception):
    """The server said no; the text is its line."""


class Login:
    """The dialogue of one session.

    ``accepted`` once SASL has succeeded, ``done`` once the channel's names have been listed.
    """

    def __init__(
        self,
        name: str,
        password: str,
        *,
        channel: str,
        sasl: bool,
        joins: bool = True,
        caps: Sequence[str] = (),
        oper: tuple[str, str, str] | None = None,
    ) -> None:
        self.name = name
        self.accepted = False
        self.done = False
        self._password = password
        self._channel = channel
        self._sasl = sasl
        self._joins = joins
        self._caps = [*(["sasl"] if sasl else []), *caps]
        self._oper = oper

    def hello(self) -> str:
        """Return what to write once TLS stands."""
        lines = [] if self._sasl else [f"PASS {self._password}"]
        if self._caps:
            lines.append("CAP LS 302")
        lines += [f"NICK {self.name}", f"USER {self.name} 0 * :benchmark"]
        return _lines(*lines)

    def answer(self, line: str) -> str:
        """Return what to write after ``line``, possibly nothing. Raises ``LoginRefused``."""
        words = [word for word in line.split(" ") if word]
        if words and words[0].startswith("@"):
            words.pop(0)
        if words and words[0].startswith(":"):
            words.pop(0)
        if not words:
            return ""
        command = words[0].upper()
        if command in REFUSALS or command in SASL_REFUSALS or command in ("ERROR", "FAIL"):
            raise LoginRefused(line)
        return self._step(command, words[1:], line)

    def _step(self, command: str, params: list[str], line: str) -> str:
        match command:
            case "PING":
                return _lines("PONG " + " ".join(params))
            case "CAP":
                return self._capabilities(params, line)
            case "AUTHENTICATE":
                token = f"\0{self.name}\0{self._password}".encode()
                return _lines(f"AUTHENTICATE {base64.b64encode(token).decode()}")
            case "903":
                self.accepted = True
                return _lines("CAP END")
            case "001":
                return _lines(f"JOIN {self._channel}") if self._joins else ""
            case "366" if self._channel in params:
                if self._oper is not None:
                    return _lines(f"OPER {self._oper[0]} {self._oper[1]}")
                self.done = True
            case "381" if self._oper is not None:
                self.done = True
                return _lines(f"MODE {self.name} +{self._oper[2]}")
        return ""

    def _capabilities(self, params: list[str], line: str) -> str:
        kind = params[1].upper() if len(params) > 1 else ""
        if kind == "LS" and params[2:3] != ["*"]:
            return _lines("CAP REQ :" + " ".join(self._caps))
        if kind == "ACK":
            return _lines("AUTHENTICATE PLAIN" if self._sasl else "CAP END")
        if kind == "NAK":
            raise LoginRefused(line)
        return ""


def _lines(*lines: str) -> str:
    return "".join(line + "\r\n" for line in lines)
