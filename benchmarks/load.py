"""The load generator: a process of its own that logs in, sends, receives, counts and times.

Run as ``python -m benchmarks.load`` with a ``LoadPlan`` as JSON on standard input; prints a
``RunResult`` as JSON. One thread and one epoll: the receivers' work per message has to stay well
below the server's, or the generator would be what is measured; ``Phase.load_busy`` tells.
"""

from __future__ import annotations

import gc
import os
import select
import ssl
import sys
import time
from collections.abc import Callable, Iterator

from benchmarks.link import Link, LinkLost, Sampler, message, packed
from benchmarks.login import Login, LoginRefused
from benchmarks.measure import (
    memory_bytes,
    percentile,
    process_cpu_ns,
    system_share,
    user_and_system_ticks,
)
from benchmarks.plan import LoadPlan, Phase, RunResult

LOGIN_DEADLINE_S = 60.0
QUIET_S = 0.5
STALL_S = 10.0
"""Without a single delivery for so long, a phase has failed."""
PING_EVERY_S = 30.0
SAMPLED = 20
"""Receivers that are looked at for latency and order, evenly spread; all are counted."""
WARM_UP_S = 1.0
_NS = 1_000_000_000


class LoadFailed(Exception):
    """The run cannot be finished; the text says why."""


class Load:
    """All sessions of one run."""

    logins_at_once = 50

    def __init__(self, plan: LoadPlan) -> None:
        self.plan = plan
        self.links: dict[int, Link] = {}
        self._poller = select.epoll()
        self._sender: Link | None = None
        self._receivers: list[Link] = []
        self._context = ssl.create_default_context(cafile=plan.cafile)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._next_ping = time.monotonic() + PING_EVERY_S
        self._number = 0
        self._received = 0
        """Deliveries of the phase under way, the sender's own copies left out."""

    @property
    def sender(self) -> Link:
        if self._sender is None:
            raise LoadFailed("nobody is logged in")
        return self._sender

    def run(self) -> RunResult:
        """Log everybody in, run both phases and leave. Raises ``LoadFailed``."""
        plan = self.plan
        before = memory_bytes(plan.server_pid)
        start = time.monotonic()
        self.log_in()
        login_s = time.monotonic() - start
        self.settle()
        sessions = len(self.links)
        per_session = (memory_bytes(plan.server_pid) - before) / sessions
        gc.freeze()
        gc.disable()
        self.fixed(min(WARM_UP_S, plan.seconds))
        fixed = self.phase(lambda: self.fixed(plan.seconds))
        self.pipelined(0.0, pack=False)
        pipelined = self.phase(lambda: self.pipelined(plan.burst_seconds, pack=False))
        in_few_records = self.phase(lambda: self.pipelined(plan.burst_seconds, pack=True))
        disorder = sum(link.sampler.out_of_order for link in self._receivers if link.sampler)
        if disorder:
            raise LoadFailed(f"{disorder} messages arrived doubled, missing or out of order")
        return RunResult(
            sessions=sessions,
            cipher=self.sender.cipher,
            login_s=login_s,
            memory_before=before,
            memory_per_session=per_session,
            memory_after=memory_bytes(plan.server_pid),
            fixed=fixed,
            pipelined=pipelined,
            packed=in_few_records,
        )

    def close(self) -> None:
        """Close every connection."""
        for link in self.links.values():
            link.close()
        self._poller.close()

    # Logging in

    def log_in(self) -> list[float]:
        """Log everybody in, many at once; return how long each took, in seconds."""
        waiting = list(self.plan.passwords.items())
        sender = waiting[0][0]
        underway: dict[int, tuple[Link, Login]] = {}
        began: dict[str, float] = {}
        took: list[float] = []
        deadline = time.monotonic() + LOGIN_DEADLINE_S
        while waiting or underway:
            while waiting and len(underway) < self.logins_at_once:
                name, password = waiting.pop(0)
                began[name] = time.monotonic()
                link, login = self._open(name, password, name == sender)
                underway[link.socket.fileno()] = link, login
            if time.monotonic() > deadline:
                names = ", ".join(link.name for link, _ in underway.values())
                raise LoadFailed(f"not logged in after {LOGIN_DEADLINE_S:.0f} s: {names}")
            for number, _event in self._poller.poll(0.1, 64):
                if number in self.links:
                    self.links[number].count()
                    continue
                link, login = underway[number]
                if self._advance(link, login):
                    del underway[number]
                    self._admit(link, link.name == sender)
                    took.append(time.monotonic() - began[link.name])
        return took

    def _open(self, name: str, password: str, sender: bool) -> tuple[Link, Login]:
        plan = self.plan
        login = Login(
            name,
            password,
            channel=plan.channel,
            sasl=plan.login == "sasl",
            joins=not plan.joins_by_itself,
            caps=plan.caps,
            oper=plan.sender_oper if sender else None,
        )
        link = Link(name, self._context, plan.host, plan.port)
        self._poller.register(link.socket, select.EPOLLIN)
        link.write(login.hello().encode())
        return link, login

    @staticmethod
    def _advance(link: Link, login: Login) -> bool:
        for line in link.lines():
            try:
                answer = login.answer(line)
            except LoginRefused as error:
                raise LoadFailed(f"{link.name} was not let in: {error}") from error
            if answer:
                link.write(answer.encode())
        return login.done

    def _admit(self, link: Link, sender: bool) -> None:
        self.links[link.socket.fileno()] = link
        if sender:
            self._sender = link
            return
        if len(self._receivers) % max(len(self.plan.passwords) // SAMPLED, 1) == 0:
            link.sampler = Sampler()
        self._receivers.append(link)

    def settle(self) -> None:
        """Wait until the server has said all that the logins caused."""
        deadline = time.monotonic() + LOGIN_DEADLINE_S
        while events := self._poller.poll(QUIET_S, 64):
            for number, _event in events:
                self.links[number].count()
            if time.monotonic() > deadline:
                raise LoadFailed("the server does not become quiet after the logins")
        for link in self._receivers:
            link.messages = 0

    # The two kinds of load

    def fixed(self, seconds: float) -> int:
        """Send at the plan's rate for ``seconds``; return how many messages, all delivered."""
        plan = self.plan
        total = max(int(plan.rate * seconds), 1)
        interval = _NS / plan.rate
        self._received = 0
        start = time.monotonic_ns()

        def due() -> Iterator[float]:
            """Send what is due, then yield the seconds until the next."""
            for index in range(total):
                at = start + int(index * interval)
                while (left := at - time.monotonic_ns()) > 0:
                    yield left / _NS
                self._send(1)

        self._deliver(total, due())
        return total

    def pipelined(self, seconds: float, *, pack: bool) -> int:
        """Keep the server supplied for ``seconds``; return how many messages, all delivered.

        Each message is a TLS record, as clients that write line by line make them, unless they
        are packed into few.

        Half a burst is written whenever no more than half a burst is under way, so that the
        server neither runs dry nor has more than one burst to queue for anybody.
        """
        half = max(self.plan.burst // 2, 1)
        self._received = 0
        end = time.monotonic() + seconds
        done = 0
        while done < 2 * half or time.monotonic() < end:
            self._send(half, pack=pack)
            done += half
            self._deliver(done - half)
        self._deliver(done)
        return done

    def _send(self, count: int, *, pack: bool = False) -> None:
        first, self._number = self._number, self._number + count
        stamp = time.monotonic_ns()
        numbers = range(first, first + count)
        text_bytes, channel = self.plan.text_bytes, self.plan.channel
        lines = [message(channel, number, text_bytes, stamp) for number in numbers]
        self.sender.write(*(packed(lines) if pack else lines))
        self._watch(self.sender)

    def _watch(self, link: Link) -> None:
        events = select.EPOLLIN | (select.EPOLLOUT if link.wants_write else 0)
        self._poller.modify(link.socket, events)

    def _deliver(self, count: int, sending: Iterator[float] | None = None) -> None:
        """Receive until ``count`` messages of the phase have reached everybody.

        Meanwhile ``sending`` is drawn on: it sends what is due and yields the seconds to wait.
        """
        expected = count * len(self._receivers)
        sender = self.sender
        heard = time.monotonic()
        wait: float | None = 0.0
        while self._received < expected or wait is not None:
            wait = next(sending, None) if sending else None
            for number, event in self._poller.poll(1.0 if wait is None else wait, 32):
                link = self.links[number]
                if event & select.EPOLLOUT:
                    link.flush()
                    self._watch(link)
                if event & ~select.EPOLLOUT:
                    found = link.count()
                    if link is not sender:
                        self._received += found
                heard = time.monotonic()
            now = time.monotonic()
            if now - heard > STALL_S:
                missing = expected - self._received
                raise LoadFailed(f"{missing} of {expected} deliveries never came")
            if now > self._next_ping:
                self._next_ping = now + PING_EVERY_S
                for link in self.links.values():
                    link.write(b"PING still-here\r\n")

    # Measuring

    def phase(self, work: Callable[[], int]) -> Phase:
        """Measure ``work``, which returns how many messages everybody has got by its end."""
        server = self.plan.server_pid
        for link in self._receivers:
            link.messages = link.bytes = 0
            if link.sampler:
                link.sampler.take()
        ticks, cpu, own = user_and_system_ticks(server), process_cpu_ns(server), time.process_time()
        start = time.monotonic()
        messages = work()
        wall = time.monotonic() - start
        cpu_s = (process_cpu_ns(server) - cpu) / _NS
        own_s = time.process_time() - own
        share = system_share(ticks, user_and_system_ticks(server))
        for link in self._receivers:
            if link.messages != messages:
                raise LoadFailed(f"{link.name} got {link.messages} of {messages} messages")
        latencies = sorted(
            value for link in self._receivers if link.sampler for value in link.sampler.take()
        )
        deliveries = messages * len(self._receivers)
        return Phase(
            messages=messages,
            deliveries=deliveries,
            wall_s=wall,
            cpu_us_per_delivery=cpu_s * 1e6 / deliveries,
            system_share=share,
            p50_ms=percentile(latencies, 0.50) / 1e6,
            p99_ms=percentile(latencies, 0.99) / 1e6,
            worst_ms=percentile(latencies, 1.0) / 1e6,
            samples=len(latencies),
            bytes_per_delivery=sum(link.bytes for link in self._receivers) / deliveries,
            server_busy=cpu_s / wall,
            load_busy=own_s / wall,
        )


def told(measure: Callable[[], str], close: Callable[[], None]) -> int:
    """Print what was measured and return 0, or print why it was not on standard error, and 1."""
    try:
        print(measure(), flush=True)
    except (LoadFailed, LinkLost, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        close()
    return 0


def main() -> int:
    """Run the plan on standard input; print the result, or why there is none, and return 0 or 1."""
    plan = LoadPlan.from_json(sys.stdin.read())
    if plan.core is not None:
        os.sched_setaffinity(0, {plan.core})
    load = Load(plan)
    return told(lambda: load.run().to_json(), load.close)


if __name__ == "__main__":
    sys.exit(main())
