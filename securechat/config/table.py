"""Settings: one table, from which the defaults, the file, the variables and the flags all come.

``Settings`` *is* that table. A field's annotation is its type, its value here the default,
and its metadata says what it is for, its unit and what is allowed. ``loading.py`` says where values
come from.

Everything is checked once, when it is loaded, so the code that uses a setting never does. A limit
of 0 is off; ``limit`` turns that into infinity where arithmetic wants it. Secrets are never
settings: variables and flags show in the list of processes, and a file of settings gets copied
around. Relative paths count from the folder the program was started in, wherever they were written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import get_type_hints

from securechat.config.setting import Setting, declare
from securechat.protocol.names import CHANNEL_BYTES_MAX, is_channel_name

NO_DEADLINE = "never"

SERVER_NAME_LENGTH_MAX = 63


_LINE = "a line of at most 300 bytes"


def _is_server_name(text: str) -> bool:
    return len(text) <= SERVER_NAME_LENGTH_MAX and bool(
        re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", text)
    )


def _is_word(text: str) -> bool:
    return 0 < len(text) <= 64 and text.isprintable() and " " not in text


def _has_no_nul(text: str) -> bool:
    return "\0" not in text


def _is_line(text: str) -> bool:
    return len(text.encode()) <= 300 and (not text or text.isprintable())


@dataclass(frozen=True)
class Settings:
    """Every setting, checked. Made by ``load_settings``, or directly in tests."""

    # Where the server is, and what it is called.
    host: tuple[str, ...] = declare(
        (), "Address to listen on; none given means every one.", fits=_is_word, wanted="an address"
    )
    port: int = declare(6697, "TCP port to listen on; 0 lets the system choose.", maximum=65535)
    cert: Path = declare(Path("certs/server.pem"), "The server's certificate and its chain.")
    key: Path = declare(Path("certs/server.key"), "The key of that certificate.")
    data: Path = declare(Path("data"), "Folder of accounts and history.")
    server_name: str = declare(
        "securechat.internal",
        "What the server calls itself on the wire.",
        fits=_is_server_name,
        wanted="a host name with a dot in it, of at most 63 characters",
    )
    network: str = declare(
        "SecureChat",
        "The name that clients show for this server.",
        fits=_is_word,
        wanted="a word of at most 64 characters",
    )
    lobby: str = declare(
        "#lobby",
        "The channel that everybody is in.",
        fits=is_channel_name,
        wanted=f"# and a name without space or comma, of at most {CHANNEL_BYTES_MAX} bytes",
    )
    motd: str = declare(
        "", "Message of the day; may have several lines.", fits=_has_no_nul, wanted="text"
    )
    admin_location: str = declare(
        "", "Where the server is, for ADMIN.", fits=_is_line, wanted=_LINE
    )
    admin_info: str = declare("", "Who runs the server, for ADMIN.", fits=_is_line, wanted=_LINE)
    admin_email: str = declare(
        "", "Mail address of who runs the server, for ADMIN.", fits=_is_line, wanted=_LINE
    )

    # Passwords and TLS.
    password_hash: str = declare(
        "standard",
        "Cost of a password's hash: 64 MiB, or 19 MiB for small machines.",
        choices=("standard", "fast"),
    )
    password_characters_min: int = declare(
        15, "Shortest password that a person may choose.", unit="characters"
    )
    hashes_at_once: int = declare(
        0, "Passwords hashed at the same time.", zero="the number of cores, at most 2"
    )
    tls_minimum: str = declare("1.3", "Oldest TLS that is spoken.", choices=("1.3", "1.2"))

    # The log.
    log_format: str = declare(
        "auto",
        "Form of the log; auto is console on a terminal, json elsewhere.",
        choices=("auto", "console", "json"),
    )
    log_level: str = declare(
        "info", "Least that is logged.", choices=("debug", "info", "warning", "error")
    )

    # Deadlines.
    handshake_seconds: float = declare(
        10.0, "Time to agree on TLS.", unit="seconds", zero=NO_DEADLINE
    )
    login_seconds: float = declare(
        60.0, "Time to log in after that.", unit="seconds", zero=NO_DEADLINE
    )
    ping_seconds: float = declare(
        90.0, "Silence after which a client is pinged.", unit="seconds", zero=NO_DEADLINE
    )
    drop_seconds: float = declare(
        150.0, "Silence after which a client is dropped.", unit="seconds", zero=NO_DEADLINE
    )
    drain_seconds: float = declare(
        5.0, "Time for everybody's last lines when stopping.", unit="seconds", zero=NO_DEADLINE
    )

    # What is kept.
    keep_days: int = declare(
        0,
        "How long messages are kept; channels may set less.",
        unit="days",
        zero="for ever",
    )
    keep_messages: int = declare(
        0,
        "How many of the latest messages are kept of a channel, and of two people; channels may "
        "set less.",
        unit="messages",
        zero="all",
    )
    audit_days: int = declare(
        400, "How long the audit log tells of an act.", unit="days", zero="for ever"
    )

    # Connections. An address is one IPv4 address or one IPv6 /64 network.
    connections_per_address: int = declare(16, "Open at once from one address.")
    new_connections_per_address: int = declare(
        32, "New from one address.", unit="connections in 10 minutes"
    )
    waiting_per_address: int = declare(10, "Not logged in, from one address.")
    waiting_drop_from: int = declare(
        10, "Not logged in, in all: from here on some new ones are dropped at random."
    )
    waiting_drop_all: int = declare(
        100, "Not logged in, in all: from here on every new one is dropped."
    )

    # Logins.
    login_attempts_per_minute: int = declare(3, "Wrong passwords for one account from one address.")
    login_attempts_per_connection: int = declare(3, "Wrong passwords in one connection.")
    login_floor_milliseconds: int = declare(
        500,
        "Least time that a refusal takes, so that it tells nothing.",
        unit="milliseconds",
        zero="no least time",
    )
    sasl_bytes_max: int = declare(8192, "Longest login message.", unit="bytes")

    # What one session may send and be sent.
    messages_per_second: float = declare(
        5.0,
        "Lines handled at a steady rate; more wait. 0 leaves queries and joins without limit too.",
    )
    message_burst: int = declare(20, "Lines handled at once before that rate holds.")
    history_requests_per_second: float = declare(1.0, "The same for requests of history.")
    history_request_burst: int = declare(16, "Requests of history before that rate holds.")
    queries_per_second: float = declare(
        2.0, "The same for WHO, WHOIS, NAMES, LIST and their like.", unit="per second"
    )
    query_burst: int = declare(40, "Such queries before that rate holds.")
    searches_per_second: float = declare(0.5, "The same for searches.", unit="per second")
    search_burst: int = declare(10, "Searches before that rate holds.")
    joins_per_second: float = declare(1.0, "The same for each channel joined.", unit="per second")
    join_burst: int = declare(30, "Channels joined before that rate holds.")
    metadata_changes_per_second: float = declare(
        0.5, "The same for each change of METADATA, which is refused past it.", unit="per second"
    )
    metadata_change_burst: int = declare(20, "Such changes before that rate holds.")
    rename_cooldown_seconds: float = declare(
        60.0, "Time until a channel may be renamed again.", unit="seconds", zero="at once"
    )
    gather_milliseconds: int = declare(
        10,
        "Time between two sends to more than 64 sessions; what is said meanwhile goes together.",
        unit="milliseconds",
        zero="every message at once",
    )
    outbox_bytes_max: int = declare(
        1048576, "Most that waits to be sent; past it the session ends.", unit="bytes"
    )

    # Messages of several lines, and what may be done to messages later.
    multiline_bytes_max: int = declare(
        16384, "Longest message of several lines.", unit="bytes", minimum=512, maximum=65536
    )
    multiline_lines_max: int = declare(
        100, "Most lines in one message.", unit="lines", minimum=1, maximum=1000
    )
    multiline_seconds: float = declare(
        30.0, "Time to send all of its lines.", unit="seconds", zero=NO_DEADLINE
    )
    edit_seconds: float = declare(
        86400.0, "Time in which one may edit a message of one's own.", unit="seconds"
    )
    redact_seconds: float = declare(
        86400.0, "Time in which one may remove a message of one's own.", unit="seconds"
    )

    # Sizes.
    replay_messages_max: int = declare(
        50, "Latest messages of a channel shown at login.", unit="messages", zero="none"
    )
    history_page_max: int = declare(100, "Most that one request of history gets.", unit="messages")
    history_from: str = declare(
        "all",
        "From where members read a channel's history, unless its HISTORY setting says: all of it, "
        "or from their last join on.",
        choices=("all", "joined"),
    )
    catch_up_messages_max: int = declare(
        1000,
        "Most messages of one conversation shown at login to a device that comes back.",
        unit="messages",
        zero="without limit",
    )
    channels_per_account_max: int = declare(100, "Channels that one account may be in.")
    tokens_per_account_max: int = declare(
        100, "Tokens that the devices of one account may ask for to log in by."
    )
    announce_members_max: int = declare(
        500,
        "People in a channel up to whom coming and going is told to all of them; NAMES and WHO "
        "always tell who is there.",
        unit="people",
    )
    monitor_targets_max: int = declare(100, "Names that one session may monitor.")
    topic_bytes_max: int = declare(390, "Longest topic of a channel.", unit="bytes")
    away_bytes_max: int = declare(200, "Longest away message.", unit="bytes")

    origins: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """Where each value that is not the default came from: a file, a variable or a flag."""


def _table() -> dict[str, Setting]:
    kinds = get_type_hints(Settings)
    return {
        row.name: Setting(row.name, kinds[row.name], row.default, **row.metadata)
        for row in fields(Settings)
        if row.metadata
    }


SETTINGS: Mapping[str, Setting] = _table()
"""The table by name, in the order in which it is shown."""


def limit(value: float) -> float:
    """Return a limit or a deadline as arithmetic wants it: infinity where 0 turned it off."""
    return value or math.inf
