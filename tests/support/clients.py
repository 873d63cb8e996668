"""Helpers for tests of a connected client."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from securechat.client import Client, events

PASSWORD = "wonderland-rabbit"
Connect = Callable[..., AbstractAsyncContextManager[Client]]


async def until(client: Client, kind: type[events.Event], **fields: object) -> Any:
    """Return the next event of this kind with these fields."""
    async for event in client:
        if isinstance(event, kind) and all(getattr(event, k) == v for k, v in fields.items()):
            return event
    raise AssertionError(f"no {kind.__name__} came")


async def told_until(client: Client, kind: type[events.Event]) -> list[events.Event]:
    """Return the events up to one of this kind."""
    told = []
    async for event in client:
        told.append(event)
        if isinstance(event, kind):
            return told
    raise AssertionError(f"no {kind.__name__} came")


def texts(told: list[events.Event]) -> list[str]:
    return [event.text for event in told if isinstance(event, events.Said)]
