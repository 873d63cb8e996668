"""Many connections that come at the same moment: TLS alone, or TLS and a login.

A process of its own: ``python -m benchmarks.arrivals``, with an ``ArrivalPlan`` as JSON on standard
input, prints how many seconds after the first each one was accepted (its credentials were right)
and was in (its channel's names were listed), as a JSON object of two arrays, and a third with one
figure: which share of that time this process was busy. All of them connect first; one epoll serves
whichever can go on, as a crowd of devices would.
"""

from __future__ import annotations

import json
import select
import ssl
import sys
import time
from dataclasses import asdict, dataclass

from benchmarks.link import Link
from benchmarks.load import LoadFailed, told
from benchmarks.login import Login, LoginRefused

CAPS = ("batch", "draft/chathistory", "echo-message", "message-tags", "server-time")
"""What a client of today asks for: it fetches the history that it wants by itself."""


@dataclass(frozen=True, slots=True)
class ArrivalPlan:
    """Who comes. Without ``log_in`` a connection is in once its TLS handshake is done."""

    port: int
    cafile: str
    passwords: dict[str, str]
    channel: str
    log_in: bool
    deadline_s: float
    host: str = "127.0.0.1"

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ArrivalPlan:
        return cls(**json.loads(text))


class Arrivals:
    """The connections of one wave."""

    def __init__(self, plan: ArrivalPlan) -> None:
        self.plan = plan
        self._context = ssl.create_default_context(cafile=plan.cafile)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._poller = select.epoll()
        self._links: dict[int, Link] = {}
        self._logins: dict[int, Login] = {}

    def run(self) -> dict[str, list[float]]:
        """Let all of them in and return when each was. Raises ``LoadFailed`` or ``LinkLost``.

        By ``accepted`` and ``done``; for TLS alone both are the end of the handshake. ``busy`` has
        the share of one core that this process used until then.
        """
        start, cpu = time.monotonic(), time.process_time()
        for name in self.plan.passwords:
            link = Link(name, self._context, self.plan.host, self.plan.port, wait=False)
            self._links[link.socket.fileno()] = link
            self._poller.register(link.socket, select.EPOLLOUT)
        waiting = set(self._links)
        accepted: dict[int, float] = {}
        done: list[float] = []
        while waiting:
            if time.monotonic() - start > self.plan.deadline_s:
                raise LoadFailed(f"{len(waiting)} not in after {self.plan.deadline_s:.0f} s")
            for number, event in self._poller.poll(0.1, 64):
                if event & select.EPOLLOUT:
                    self._poller.modify(number, select.EPOLLIN)
                if number not in waiting:
                    self._links[number].count()
                    continue
                is_in = self._advance(number)
                login, now = self._logins.get(number), time.monotonic() - start
                if is_in or (login is not None and login.accepted):
                    accepted.setdefault(number, now)
                if is_in:
                    waiting.discard(number)
                    done.append(now)
        busy = (time.process_time() - cpu) / (time.monotonic() - start)
        return {"accepted": list(accepted.values()), "done": done, "busy": [busy]}

    def _advance(self, number: int) -> bool:
        """Go on with one connection and return whether it is in."""
        link = self._links[number]
        if number not in self._logins:
            if not link.shake():
                return False
            if not self.plan.log_in:
                return True
            password = self.plan.passwords[link.name]
            login = Login(
                link.name, password, channel=self.plan.channel, sasl=True, joins=False, caps=CAPS
            )
            self._logins[number] = login
            link.write(login.hello().encode())
            return False
        current = self._logins[number]
        for line in link.lines():
            try:
                answer = current.answer(line)
            except LoginRefused as error:
                raise LoadFailed(f"{link.name} was not let in: {error}") from error
            if answer:
                link.write(answer.encode())
        return current.done

    def close(self) -> None:
        """Close every connection."""
        for link in self._links.values():
            link.close()
        self._poller.close()


def main() -> int:
    """Run the plan on standard input; return 0, or 1 with the reason on standard error."""
    arrivals = Arrivals(ArrivalPlan.from_json(sys.stdin.read()))
    return told(lambda: json.dumps(arrivals.run()), arrivals.close)


if __name__ == "__main__":
    sys.exit(main())
