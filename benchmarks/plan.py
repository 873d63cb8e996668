"""What the load generator is told and what it answers: two flat records that travel as JSON.

The plan goes through the generator's standard input, never its argument list: it holds passwords.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields

PHASES = ("fixed", "pipelined", "packed")


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """One run against one server that is already listening."""

    port: int
    cafile: str
    server_pid: int
    login: str
    """``sasl`` (SASL PLAIN, an account for each session) or ``pass`` (one password for all)."""
    passwords: dict[str, str]
    """Name to password, the sender's first: it sends, and all the others receive."""
    channel: str
    joins_by_itself: bool
    """Whether the server puts everybody into ``channel`` without being asked."""
    caps: tuple[str, ...] = ()
    """Capabilities that every session asks for, besides ``sasl``."""
    sender_oper: tuple[str, str, str] | None = None
    """Operator name, password and user modes that the sender takes, to escape flood limits."""
    host: str = "127.0.0.1"
    rate: float = 200.0
    """Messages per second of the fixed-rate phase."""
    seconds: float = 10.0
    burst: int = 2000
    """Messages that are under way at most in the pipelined phase; half are written at once."""
    burst_seconds: float = 5.0
    text_bytes: int = 64
    core: int | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> LoadPlan:
        raw = json.loads(text)
        raw["caps"] = tuple(raw["caps"])
        if raw["sender_oper"] is not None:
            raw["sender_oper"] = tuple(raw["sender_oper"])
        return cls(**raw)


@dataclass(frozen=True, slots=True)
class Phase:
    """What one phase of a run showed. CPU times are the server's unless named otherwise."""

    messages: int
    deliveries: int
    wall_s: float
    cpu_us_per_delivery: float
    system_share: float
    """The part of that CPU time that was spent in the kernel, 0 to 1."""
    p50_ms: float
    p99_ms: float
    worst_ms: float
    samples: int
    bytes_per_delivery: float
    server_busy: float
    """CPU seconds of the server per second; above 1 it used more than one core."""
    load_busy: float
    """The same of the load generator: near 1 it is the bottleneck and the figures are too low."""

    @property
    def deliveries_per_s(self) -> float:
        return self.deliveries / self.wall_s if self.wall_s else 0.0


@dataclass(frozen=True, slots=True)
class RunResult:
    """What one run against one server showed."""

    sessions: int
    cipher: str
    login_s: float
    memory_before: int
    memory_per_session: float
    memory_after: int
    """Bytes, after all phases."""
    fixed: Phase
    pipelined: Phase
    """Each message in a TLS record of its own."""
    packed: Phase
    """Messages packed into few TLS records."""
    notes: tuple[str, ...] = field(default=())

    def to_json(self) -> str:
        return json.dumps(self.to_record())

    def to_record(self) -> dict[str, object]:
        """Return plain types for JSON, with the rates that readers want worked out."""
        record = asdict(self)
        for name in PHASES:
            phase: Phase = getattr(self, name)
            record[name]["deliveries_per_s"] = phase.deliveries_per_s
        return record

    @classmethod
    def from_json(cls, text: str) -> RunResult:
        raw = json.loads(text)
        known = {item.name for item in fields(Phase)}
        for name in PHASES:
            raw[name] = Phase(**{key: raw[name][key] for key in known})
        raw["notes"] = tuple(raw["notes"])
        return cls(**raw)
