"""Many come back at once while others chat: how fast they are in, and who notices.

In one run against one server: TLS handshakes alone, logins by tokens, logins by passwords. Two
processes of load. The chatters' process sends at a fixed rate, first in calm, then through each
wave, which is a process of its own (``benchmarks.arrivals``). Run by ``benchmarks.__main__``; by
itself (``python -m benchmarks.storm``) it is the chatters' process, with its plan as JSON on
standard input.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import trio
from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.arrivals import CAPS, ArrivalPlan
from benchmarks.fanout import Certificate
from benchmarks.link import LinkLost
from benchmarks.load import Load, LoadFailed
from benchmarks.measure import (
    forget_peak,
    peak_bytes,
    percentile,
    process_cpu_ns,
    resident_bytes,
)
from benchmarks.plan import LoadPlan, Phase
from benchmarks.process import (
    ROOT,
    ServerFailed,
    free_port,
    measured_apart,
    running,
    tail,
    wait_for_port,
)
from benchmarks.servers import CHANNEL, Floor, Securechat
from securechat.store.credentials.accounts import Accounts, NewAccount
from securechat.store.credentials.passwords import FAST, STANDARD, Hasher
from securechat.store.credentials.tokens import Tokens
from securechat.store.sqlite import open_store

HANDSHAKES, TOKENS, PASSWORDS = WAVES = ("handshakes", "tokens", "passwords")

_MIB = 1024 * 1024
_NS = 1_000_000_000
_LIMIT_S = 900.0
_SLICE_S = 0.25
_FLOOR_TURNS = 3
# Where the chat is: what those who come back are sent of it is not what their coming costs.
_TALK = "#talk"
# All have the same password: it is hashed once, and checked for each.
_PASSWORD = "the same one for everybody"


@dataclass(frozen=True, slots=True)
class Wave:
    """One wave of arrivals, and what those who chat noticed of it."""

    name: str
    arrivals: int
    seconds: float
    """From the first connection to the moment when the last one was in."""
    accepted_s: float
    """To the moment when the last one's credentials were accepted; its welcome comes later."""
    median_s: float
    chat_p50_ms: float
    chat_p99_ms: float
    chat_worst_ms: float
    server_cpu_ms: float
    """The server's for one arrival and its end, without what the chat costs in calm."""
    memory_peak: int
    load_busy: float
    """The share of one core that the process of those who came used: near 1 it is the limit."""

    @property
    def per_second(self) -> float:
        return self.arrivals / self.seconds

    @property
    def accepted_per_second(self) -> float:
        return self.arrivals / self.accepted_s


@dataclass(frozen=True, slots=True)
class StormResult:
    """The waves, in their order, and the chat in calm before them."""

    chatters: int
    calm_p50_ms: float
    calm_p99_ms: float
    calm_worst_ms: float
    memory_before: int
    floor_ratio: float
    """What ``ratio`` is with ``benchmarks.floor``, which takes any password."""
    waves: tuple[Wave, ...]

    @property
    def ratio(self) -> float:
        """How many tokens are accepted in the time of one TLS handshake."""
        rates = {wave.name: wave.accepted_per_second for wave in self.waves}
        return rates[TOKENS] / rates[HANDSHAKES]

    def to_record(self) -> dict[str, object]:
        """Return plain types for JSON, with the rates worked out."""
        record = asdict(self)
        record["ratio"] = self.ratio
        record["waves"] = [
            asdict(wave)
            | {"per_second": wave.per_second, "accepted_per_second": wave.accepted_per_second}
            for wave in self.waves
        ]
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, object]) -> StormResult:
        raw = dict(record)
        del raw["ratio"]
        waves = raw.pop("waves")
        assert isinstance(waves, list)
        for wave in waves:
            del wave["per_second"], wave["accepted_per_second"]
        return cls(**raw, waves=tuple(Wave(**wave) for wave in waves))  # type: ignore[arg-type]  # JSON


@dataclass(frozen=True, slots=True)
class _Storm:
    """What the chatters' process gets."""

    chat: LoadPlan
    waves: Mapping[str, ArrivalPlan]

    def to_json(self) -> str:
        waves = {name: plan.to_json() for name, plan in self.waves.items()}
        return json.dumps({"chat": self.chat.to_json(), "waves": waves})

    @classmethod
    def from_json(cls, text: str) -> _Storm:
        raw = json.loads(text)
        waves = {name: ArrivalPlan.from_json(plan) for name, plan in raw["waves"].items()}
        return cls(LoadPlan.from_json(raw["chat"]), waves)


def run(
    *,
    chatters: int,
    logins: int,
    passwords: int,
    rate: float,
    seconds: float,
    fast: bool,
    say: Callable[[str], None],
) -> StormResult:
    """Run it against SecureChat. Raises ``ServerFailed``.

    ``logins`` come by TLS alone and by tokens, ``passwords`` by passwords. ``fast`` takes the fast
    profile of password hashing instead of the default one. Nothing is pinned to a core: hashing in
    threads is part of what is looked at.
    """
    chat_names = [f"user{number}" for number in range(chatters + 1)]
    late_names = [f"late{number}" for number in range(max(logins, passwords))]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        made = Certificate.make(folder)
        server = Securechat(folder, free_port(), made.certificate, made.key, fast=fast)
        # A crowd of passwords is not done in the time that one login has.
        server.settings = {"login_seconds": "0", "waiting_drop_from": "0", "waiting_drop_all": "0"}
        say(f"making {len(chat_names) + len(late_names)} accounts ...")
        tokens = trio.run(_make_accounts, folder / "data", chat_names, late_names, fast)
        log = folder / "server.log"
        process = stack.enter_context(
            running(server.command(), log, core=None, env=server.environment(), cwd=ROOT)
        )
        wait_for_port(process, server.port, log)
        chat = LoadPlan(
            port=server.port,
            cafile=str(made.authority),
            server_pid=process.pid,
            login=server.login,
            passwords={name: tokens[name] for name in chat_names},
            channel=_TALK,
            joins_by_itself=False,
            caps=CAPS,
            rate=rate,
            seconds=seconds,
        )

        def wave(secrets: Mapping[str, str], *, log_in: bool = True) -> ArrivalPlan:
            return ArrivalPlan(
                port=server.port,
                cafile=str(made.authority),
                passwords=dict(secrets),
                channel=CHANNEL,
                log_in=log_in,
                deadline_s=_LIMIT_S / 2,
            )

        by_token = {name: tokens[name] for name in late_names[:logins]}
        floor_ratio = _on_the_floor(folder, made, by_token, say)
        waves = {
            HANDSHAKES: wave(by_token, log_in=False),
            TOKENS: wave(by_token),
            PASSWORDS: wave(dict.fromkeys(late_names[:passwords], _PASSWORD)),
        }
        say(f"{chatters} chat; {logins} handshakes, {logins} tokens, {passwords} passwords ...")
        try:
            done = measured_apart("benchmarks.storm", _Storm(chat, waves).to_json(), _LIMIT_S)
        except ServerFailed as error:
            raise ServerFailed(f"{error}\nThe server's log ends with:\n{tail(log)}") from error
        record = json.loads(done)
        return StormResult.from_record(record | {"floor_ratio": floor_ratio})


def _on_the_floor(
    folder: Path, made: Certificate, secrets: Mapping[str, str], say: Callable[[str], None]
) -> float:
    """Return how many logins the floor accepts in the time of one handshake, with nobody chatting.

    It is what the same load and the same dialogue leave of 1 where a login costs nothing.
    """
    floor = Floor(folder, free_port(), made.certificate, made.key)
    log = folder / "floor.log"
    say(f"floor: {len(secrets)} handshakes, {len(secrets)} logins ...")
    with running(floor.command(), log, core=None, env=floor.environment(), cwd=ROOT) as process:
        wait_for_port(process, floor.port, log)

        def rate(*, log_in: bool) -> float:
            plan = ArrivalPlan(
                port=floor.port,
                cafile=str(made.authority),
                passwords=dict(secrets),
                channel=CHANNEL,
                log_in=log_in,
                deadline_s=_LIMIT_S / 2,
            )
            times = json.loads(measured_apart("benchmarks.arrivals", plan.to_json(), _LIMIT_S))
            return len(secrets) / float(max(times["accepted"]))

        # In turns, and the middle ones: each wave is over in less than a second.
        rates = [(rate(log_in=True), rate(log_in=False)) for _ in range(_FLOOR_TURNS)]
    logins, handshakes = map(median, zip(*rates, strict=True))
    return float(logins / handshakes)


async def _make_accounts(
    data: Path, chat_names: Sequence[str], late_names: Sequence[str], fast: bool
) -> dict[str, str]:
    """Make the accounts, each with a token, and return the tokens."""
    hashed = await Hasher(FAST if fast else STANDARD).hash(_PASSWORD)
    names = [*chat_names, *late_names]
    async with open_store(data) as store:
        await Accounts(store).add_all(NewAccount(name, hashed) for name in names)
        tokens = Tokens(store)
        return {name: (await tokens.add(name, "benchmark", by="benchmark"))[1] for name in names}


def table(result: StormResult) -> Table:
    """Return the figures as a table."""
    made = Table(
        title=f"At once while {result.chatters} chat",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
    )
    for heading in ("", "calm", *(f"{wave.arrivals} {wave.name}" for wave in result.waves)):
        made.add_column(heading, justify="right" if heading else "left")
    waves = result.waves
    made.add_row("accepted a second", "", *(f"{wave.accepted_per_second:.0f}" for wave in waves))
    made.add_row("in a second", "", *(f"{wave.per_second:.0f}" for wave in waves))
    made.add_row("all in after s", "", *(f"{wave.seconds:.2f}" for wave in waves))
    made.add_row("one, median s", "", *(f"{wave.median_s:.2f}" for wave in waves))
    made.add_row("server CPU ms each", "", *(f"{wave.server_cpu_ms:.2f}" for wave in waves))
    made.add_row("load busy", "", *(f"{wave.load_busy:.0%}" for wave in waves))
    made.add_row(
        "chat p50 ms", f"{result.calm_p50_ms:.2f}", *(f"{wave.chat_p50_ms:.2f}" for wave in waves)
    )
    made.add_row(
        "chat p99 ms", f"{result.calm_p99_ms:.2f}", *(f"{wave.chat_p99_ms:.2f}" for wave in waves)
    )
    made.add_row(
        "chat worst ms",
        f"{result.calm_worst_ms:.2f}",
        *(f"{wave.chat_worst_ms:.2f}" for wave in waves),
    )
    made.add_row(
        "memory MiB",
        f"{result.memory_before / _MIB:.0f}",
        *(f"{wave.memory_peak / _MIB:.0f}" for wave in waves),
    )
    return made


def _chat(storm: _Storm) -> StormResult:
    """Chat in calm and through the waves, which are started here."""
    plan = storm.chat
    load = Load(plan)
    try:
        load.log_in()
        load.settle()
        cpu = process_cpu_ns(plan.server_pid)
        calm = load.phase(lambda: load.fixed(plan.seconds))
        calm_cpu = (process_cpu_ns(plan.server_pid) - cpu) / calm.wall_s
        before = resident_bytes(plan.server_pid)
        waves = []
        for name, arrivals in storm.waves.items():
            forget_peak(plan.server_pid)
            cpu = process_cpu_ns(plan.server_pid)
            chat, times = _wave(load, arrivals)
            took = sorted(times["done"])
            cpu_ns = process_cpu_ns(plan.server_pid) - cpu - calm_cpu * chat.wall_s
            waves.append(
                Wave(
                    name=name,
                    arrivals=len(took),
                    seconds=took[-1],
                    accepted_s=max(times["accepted"]),
                    median_s=percentile(took, 0.5),
                    chat_p50_ms=chat.p50_ms,
                    chat_p99_ms=chat.p99_ms,
                    chat_worst_ms=chat.worst_ms,
                    server_cpu_ms=cpu_ns / len(took) / 1e6,
                    memory_peak=peak_bytes(plan.server_pid),
                    load_busy=times["busy"][0],
                )
            )
            load.settle()
        return StormResult(
            chatters=len(plan.passwords) - 1,
            calm_p50_ms=calm.p50_ms,
            calm_p99_ms=calm.p99_ms,
            calm_worst_ms=calm.worst_ms,
            memory_before=before,
            floor_ratio=math.nan,  # it is measured by whoever started this
            waves=tuple(waves),
        )
    finally:
        load.close()


def _wave(load: Load, plan: ArrivalPlan) -> tuple[Phase, dict[str, list[float]]]:
    """Chat until everybody of a wave is in and gone; return how that went, and their times."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.arrivals"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as arrivals:
        try:
            assert arrivals.stdin is not None
            arrivals.stdin.write(plan.to_json())
            arrivals.stdin.close()
            arrivals.stdin = None
            chat = load.phase(lambda: _chat_until(load, lambda: arrivals.poll() is not None))
            text, errors = arrivals.communicate(timeout=_LIMIT_S)
        finally:
            arrivals.kill()
    if arrivals.returncode:
        raise LoadFailed(errors.strip())
    times: dict[str, list[float]] = json.loads(text)
    return chat, times


def _chat_until(load: Load, over: Callable[[], bool]) -> int:
    sent = 0
    while not over():
        sent += load.fixed(_SLICE_S)
    return sent


def main() -> int:
    """Be the chatters' process; return 0, or 1 with the reason on standard error."""
    try:
        print(json.dumps(_chat(_Storm.from_json(sys.stdin.read())).to_record()))
    except (LoadFailed, LinkLost, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
