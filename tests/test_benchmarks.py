"""The benchmark: its arithmetic, its dialogues, its configurations, and one small whole run."""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

pytest.importorskip("benchmarks", reason="the benchmark is not part of the wheel")
if sys.platform != "linux":
    pytest.skip("the benchmark reads Linux's /proc", allow_module_level=True)

from benchmarks import fanout, measure, process, report, servers
from benchmarks.__main__ import main
from benchmarks.link import MARK, PACKED_BYTES, Sampler, message, packed
from benchmarks.login import Login, LoginRefused
from benchmarks.plan import LoadPlan, Phase, RunResult

# Arithmetic and /proc


@pytest.mark.parametrize(
    ("samples", "share", "expected"),
    [
        ([], 0.5, 0.0),
        ([7], 0.0, 7),
        ([7], 0.99, 7),
        ([1, 2, 3, 4], 0.5, 2),
        ([1, 2, 3, 4], 0.51, 3),
        (list(range(1, 101)), 0.99, 99),
        (list(range(1, 101)), 1.0, 100),
    ],
)
def test_a_percentile_is_the_nearest_rank(
    samples: list[float], share: float, expected: float
) -> None:
    assert measure.percentile(samples, share) == expected


def test_a_percentile_of_more_than_all_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        measure.percentile([1], 99)


def test_cpu_ticks_are_read_past_a_name_with_spaces_and_brackets() -> None:
    """The fields follow proc(5): utime and stime are the 14th and 15th."""
    text = "42 (a) server (x)) S 1 42 42 0 -1 4194304 100 0 0 0 123 45 0 0 20 0 3 0 9"
    assert measure.parse_stat(text) == (123, 45)


def test_memory_is_told_in_bytes() -> None:
    """The format follows proc(5): sizes are in kB."""
    assert measure.parse_kib("55-77 ---p 0 00:00 0 [rollup]\nPss: 12 kB\n", "Pss") == 12288
    with pytest.raises(ValueError, match="no line of Pss"):
        measure.parse_kib("Rss: 9 kB\n", "Pss")


def test_this_process_has_cpu_time_and_memory() -> None:
    before = measure.process_cpu_ns(os.getpid())
    sum(range(200_000))
    assert measure.process_cpu_ns(os.getpid()) > before
    assert measure.memory_bytes(os.getpid()) > 1_000_000
    # In this order: reading the one may itself take a page that the other then has.
    resident = measure.resident_bytes(os.getpid())
    assert measure.peak_bytes(os.getpid()) >= resident > 1_000_000
    assert sum(measure.user_and_system_ticks(os.getpid())) >= 0


def test_a_process_that_is_gone_has_no_cpu_time() -> None:
    with pytest.raises(ProcessLookupError):
        measure.process_cpu_ns(2**22 + 1)


def test_the_kernels_share_of_cpu_time() -> None:
    assert measure.system_share((10, 10), (11, 13)) == 0.75
    assert measure.system_share((10, 10), (10, 10)) == 0.0


def test_server_and_load_get_a_core_each_where_there_are_two() -> None:
    assert measure.core_for("server", [0]) is None
    assert measure.core_for("server", [2, 3, 4]) == 2
    assert measure.core_for("load", [2, 3, 4]) == 3


# Messages and samples


def test_a_message_carries_one_mark_and_the_length_asked_for() -> None:
    line = message("#lobby", 5, 64, stamp=7)
    assert line.count(MARK) == 1
    assert line.endswith(b"\r\n")
    assert len(line.partition(b" :")[2]) == 64 + 2


def test_packed_lines_stay_whole_and_in_order_and_ngircd_can_read_them() -> None:
    lines = [message("#lobby", number, 64) for number in range(100)]
    records = packed(lines)
    assert b"".join(records) == b"".join(lines)
    assert all(record.endswith(b"\r\n") and len(record) <= PACKED_BYTES for record in records)
    assert len(records) < 10
    assert packed([]) == []


@given(st.lists(st.integers(0, 400), max_size=8))
def test_samples_are_found_wherever_the_bytes_are_split(cuts: list[int]) -> None:
    data = b"".join(b":a!a@h " + message("#x", n, 64, stamp=100 + n) for n in range(4))
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    sampler = Sampler()
    for start, stop in itertools.pairwise(edges):
        sampler.feed(data[start:stop], 1000)
    assert sampler.take() == [900, 899, 898, 897]
    assert sampler.take() == []
    assert sampler.out_of_order == 0


@pytest.mark.parametrize("numbers", [(0, 2), (0, 0), (1, 0)])
def test_a_gap_a_double_and_a_swap_are_noticed(numbers: tuple[int, int]) -> None:
    sampler = Sampler()
    for number in numbers:
        sampler.feed(message("#x", number, 64, stamp=0), 1)
    assert sampler.out_of_order == 1


# Getting in


def _play(login: Login, answers: Mapping[str, list[str]]) -> list[str]:
    """Answer each line that the login writes, and return all that it wrote."""
    written: list[str] = []
    waiting = login.hello().splitlines()
    while waiting:
        line = waiting.pop(0)
        written.append(line)
        for answer in answers.get(line, []):
            waiting += login.answer(answer).splitlines()
    return written


def test_a_sasl_login_follows_the_negotiation() -> None:
    """IRCv3 capability negotiation and SASL 3.1; the token is RFC 4616's."""
    login = Login("ann", "pw", channel="#lobby", sasl=True, joins=False, caps=["server-time"])
    token = base64.b64encode(b"\0ann\0pw").decode()
    written = _play(
        login,
        {
            "CAP LS 302": [":s CAP * LS * :a b", ":s CAP * LS :sasl=PLAIN server-time"],
            "CAP REQ :sasl server-time": [":s CAP * ACK :sasl server-time"],
            "AUTHENTICATE PLAIN": ["AUTHENTICATE +"],
            f"AUTHENTICATE {token}": [":s 900 * ann :in", ":s 903 * :done"],
            "CAP END": [":s 001 ann :hi", ":s PING", "@time=1 :s 366 ann #lobby :end"],
        },
    )
    assert login.done
    assert written == [
        *("CAP LS 302", "NICK ann", "USER ann 0 * :benchmark", "CAP REQ :sasl server-time"),
        *("AUTHENTICATE PLAIN", f"AUTHENTICATE {token}", "CAP END", "PONG "),
    ]


def test_a_password_login_joins_and_takes_operator_modes() -> None:
    """RFC 2812, sections 3.1.1 (PASS) and 3.1.4 (OPER)."""
    login = Login("ann", "pw", channel="#lobby", sasl=False, oper=("op", "secret", "F"))
    written = _play(
        login,
        {
            "USER ann 0 * :benchmark": ["PING :abc", "", ":s 001 ann :hi"],
            "JOIN #lobby": [":s 366 ann #other :end", ":s 366 ann #lobby :end"],
            "OPER op secret": [":s 381 ann :you are"],
        },
    )
    assert login.done
    assert written[0] == "PASS pw"
    assert "PONG :abc" in written
    assert written[-1] == "MODE ann +F"


def test_capabilities_without_sasl_end_the_negotiation_at_once() -> None:
    login = Login("ann", "pw", channel="#lobby", sasl=False, caps=["echo-message"])
    assert login.answer(":s CAP * ACK :echo-message") == "CAP END\r\n"


@pytest.mark.parametrize(
    "line",
    [":s 904 ann :no", ":s CAP * NAK :sasl", "ERROR :full", ":s 433 * ann :taken"],
)
def test_a_refusal_is_told_with_the_servers_own_line(line: str) -> None:
    login = Login("ann", "pw", channel="#lobby", sasl=True)
    with pytest.raises(LoginRefused, match=line.replace("*", ".")):
        login.answer(line)


# Servers


@pytest.mark.parametrize("kind", servers.SERVERS.values(), ids=servers.SERVERS.keys())
def test_a_server_gets_its_port_certificate_and_key(
    kind: type[servers.Server], tmp_path: Path
) -> None:
    server = kind(tmp_path, 50123, tmp_path / "c.pem", tmp_path / "k.pem")
    argv = server.command()
    written = " ".join(argv) + "".join(path.read_text() for path in tmp_path.glob("*.conf"))
    for needed in ("50123", str(tmp_path / "c.pem"), str(tmp_path / "k.pem")):
        assert needed in written
    assert server.secret not in " ".join(argv)
    passwords = server.passwords(["a", "b"])
    assert list(passwords) == ["a", "b"]
    assert (server.sender_oper is not None) == bool(server.sender_modes)


def test_securechats_limits_are_off_and_every_account_has_its_password(tmp_path: Path) -> None:
    server = servers.Securechat(tmp_path, 1, tmp_path, tmp_path)
    environment = server.environment()
    assert environment["SECURECHAT_MESSAGES_PER_SECOND"] == "0"
    assert environment["SECURECHAT_OUTBOX_BYTES_MAX"] == "0"
    assert environment["SECURECHAT_PASSWORD_HASH"] == "fast"
    first, second = server.passwords(["a", "b"]).values()
    assert first != second
    assert len(first) >= 15


def test_a_server_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    rows = fanout.run(fanout.Settings(servers=("ngircd",)), print)
    assert rows == [fanout.Row("ngircd", tags=False, skipped="ngircd is not installed")]
    assert report.remarks(rows) == ["ngircd: skipped, ngircd is not installed"]


def test_a_server_that_ends_at_once_shows_its_log(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "print('no such setting'); raise SystemExit(3)"]
    log = tmp_path / "log"
    with (
        process.running(argv, log, core=None) as child,
        pytest.raises(process.ServerFailed, match=r"(?s)status 3.*no such setting"),
    ):
        process.wait_for_port(child, process.free_port(), log)


def test_a_server_that_never_listens_is_given_up_and_ended(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import signal; signal.pause()"]
    log = tmp_path / "log"
    with (
        process.running(argv, log, core=None) as child,
        pytest.raises(process.ServerFailed, match="not listening"),
    ):
        process.wait_for_port(child, process.free_port(), log, seconds=0)
    assert child.returncode is not None


# Report


def _result(rate: float, cpu: float, load_busy: float = 0.5) -> RunResult:
    def phase(deliveries: int) -> Phase:
        return Phase(
            messages=deliveries,
            deliveries=deliveries,
            wall_s=1.0,
            cpu_us_per_delivery=cpu,
            system_share=0.6,
            p50_ms=1.0,
            p99_ms=2.0,
            worst_ms=3.0,
            samples=1,
            bytes_per_delivery=100.0,
            server_busy=0.5,
            load_busy=load_busy,
        )

    return RunResult(
        sessions=1,
        cipher="TLSv1.3 X",
        login_s=1.0,
        memory_before=0,
        memory_per_session=2048.0,
        memory_after=0,
        fixed=phase(40_000),
        pipelined=phase(int(rate)),
        packed=phase(int(rate) * 2),
    )


def test_ratios_are_to_the_better_of_the_others_for_each_figure() -> None:
    rows = [
        fanout.Row("securechat", tags=False, result=_result(4_000_000, 12.0)),
        fanout.Row("ngircd", tags=False, result=_result(500_000, 8.0)),
        fanout.Row("inspircd", tags=False, result=_result(800_000, 10.0)),
        fanout.Row("inspircd", tags=True, result=_result(9_000_000, 1.0)),
        fanout.Row("floor", tags=False, result=_result(9_000_000, 1.0)),
    ]
    assert report.comparison(rows) == {"securechat": {"pipelined": 5.0, "packed": 5.0, "cpu": 1.5}}
    assert "target met" in report.remarks(rows)[0]
    assert report.comparison(rows[:1]) == {}


def test_the_report_tells_of_failures_and_of_a_load_at_its_limit() -> None:
    rows = [
        fanout.Row("securechat", tags=True, result=_result(100, 50.0, load_busy=0.99)),
        fanout.Row("ngircd", tags=False, failed="ended with status 1"),
    ]
    output = io.StringIO()
    settings = fanout.Settings(servers=("securechat", "ngircd"))
    report.show(rows, settings, Console(file=output, width=100))
    text = output.getvalue()
    assert "securechat +tags" in text
    assert "ngircd: FAILED, ended with status 1" in text
    for phase in ("fixed", "pipelined", "packed"):
        assert f"the load generator was the limit, phase {phase}" in text
    assert json.loads(json.dumps(report.to_record(rows, settings)))["rows"][1]["result"] is None


def test_of_several_runs_each_phase_is_the_median_of_its_own() -> None:
    def row(rate: float, cpu: float) -> fanout.Row:
        return fanout.Row("x", tags=False, result=_result(rate, cpu))

    chosen = fanout.median([row(10, 5.0), row(30, 6.0), row(20, 9.0)]).result
    assert chosen is not None
    assert chosen.fixed.cpu_us_per_delivery == 6.0
    assert chosen.pipelined.deliveries == 20
    failed = fanout.Row("x", tags=False, failed="gone")
    assert fanout.median([row(10, 5.0), failed]) == failed


def test_plan_and_result_survive_their_journey_as_json() -> None:
    plan = LoadPlan(
        port=1,
        cafile="ca",
        server_pid=2,
        login="sasl",
        passwords={"a": "b"},
        channel="#lobby",
        joins_by_itself=True,
        caps=("x",),
        sender_oper=("a", "b", "F"),
    )
    assert LoadPlan.from_json(plan.to_json()) == plan
    result = _result(5, 1.0)
    assert RunResult.from_json(result.to_json()) == result


# The whole


def test_a_small_run_against_the_floor_ends_with_figures(tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    argv = ["fanout", "--servers", "floor", "--receivers", "3", "--rate", "50", "--seconds", "0.2"]
    argv += ["--burst", "20", "--burst-seconds", "0", "--no-pin", "--json", str(target)]
    outcome = CliRunner().invoke(main, argv)
    assert outcome.exit_code == 0, outcome.output
    [row] = json.loads(target.read_text())["rows"]
    assert row["result"]["sessions"] == 4
    assert row["result"]["fixed"]["deliveries"] == 30
    assert row["result"]["pipelined"]["deliveries"] == 60
    assert row["result"]["packed"]["deliveries"] == 60
    assert row["result"]["cipher"].startswith("TLSv1.3")


@pytest.mark.parametrize("value", ["nosuch", ","])
def test_an_unknown_server_is_wrong_usage(value: str) -> None:
    outcome = CliRunner().invoke(main, ["fanout", "--servers", value])
    assert outcome.exit_code == 2
    assert "Invalid value" in outcome.output
