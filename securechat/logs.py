"""The log: structlog on stderr, readable on a terminal and one JSON object a line elsewhere.

Everything takes one road, so that nothing goes around the masks: structlog's events and those of
the standard library's ``logging`` end in the same handler and are rendered alike. Get a logger
with ``structlog.get_logger()``, name the event in a few plain words, and put what varies into
keys: ``log.info("login refused", account=name, peer=address)``.

Secrets are not to be logged at all; the masks here are a last net. Tracebacks come without the
values of local variables, which may be secrets too. What a peer made up (a name, a reason) can
hold no escape sequence or second line by the time it reaches a terminal.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "[hidden]"

_SECRET_KEYS = re.compile(
    r"passw(or)?d|passphrase|secret|token|authori[sz]ation|credential|cookie|private.?key",
    re.IGNORECASE,
)
_SECRET_LINES = re.compile(
    r"((?:@\S+ +)?(?::\S+ +)?(?:PASS|AUTHENTICATE) +).*", re.IGNORECASE | re.DOTALL
)
_TOKENS = re.compile(r"sct_[A-Za-z0-9_-]+")


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, told apart from those that others put on the root logger."""


def configure(log_format: str, level: str, stream: TextIO | None = None) -> None:
    """Set up the log; calling it again replaces what an earlier call set up.

    ``log_format`` is ``console``, ``json``, or ``auto``, which is ``console`` on a terminal.
    ``level`` is ``debug``, ``info``, ``warning`` or ``error``. ``stream`` is stderr by default.
    """
    target = sys.stderr if stream is None else stream
    terminal = target.isatty()
    threshold = logging.getLevelNamesMapping()[level.upper()]
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        mask_secrets,
    ]
    if log_format == "console" or (log_format == "auto" and terminal):
        last += [
            _make_printable,
            structlog.dev.ConsoleRenderer(
                colors=terminal and not os.environ.get("NO_COLOR"),
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ]
    else:
        last.append(structlog.processors.JSONRenderer())

    handler = _Handler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=common, processors=last)
    )
    root = logging.getLogger()
    for earlier in [other for other in root.handlers if isinstance(other, _Handler)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(threshold)
    structlog.configure(
        processors=[*common, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # so that tests can capture and configure again
    )


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide values under telling keys, tokens, and what follows ``PASS`` or ``AUTHENTICATE``."""
    return {key: _masked(key, value) for key, value in event.items()}


def _masked(key: object, value: object) -> Any:
    if isinstance(key, str) and _SECRET_KEYS.search(key):
        return MASK
    if isinstance(value, str):
        text = _SECRET_LINES.sub(rf"\1{MASK}", value) if _SECRET_LINES.match(value) else value
        return _TOKENS.sub(MASK, text)
    if isinstance(value, bytes):
        return _masked(key, value.decode(errors="backslashreplace"))
    if isinstance(value, Mapping):
        return {inner: _masked(inner, item) for inner, item in value.items()}
    if isinstance(value, Sequence | set | frozenset):
        return [_masked(None, item) for item in value]
    return value


def _make_printable(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Write control characters as escapes; a traceback keeps its lines."""
    return {
        key: _printable(value, keep="\n" if key in ("exception", "stack") else "")
        if isinstance(value, str)
        else value
        for key, value in event.items()
    }


def _printable(text: str, keep: str) -> str:
    return "".join(
        character if character.isprintable() or character in keep else repr(character)[1:-1]
        for character in text
    )
