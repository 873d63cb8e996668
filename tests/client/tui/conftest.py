"""Fixtures for tests of the full screen: somebody who sits at it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
from support.clients import Connect
from support.tui import FakeScreen, Open, Person, utf8

from securechat.client.tui.app import App
from securechat.client.tui.keeping import Save
from securechat.client.tui.options import Options


@pytest.fixture(autouse=True)
def _utf8() -> Iterator[None]:
    with utf8():
        yield


def noon() -> datetime:
    """Return the time of day that it always is."""
    return datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def person(dialled: Connect) -> Open:
    @asynccontextmanager
    async def make(
        size: tuple[int, int] = (80, 24),
        options: Options | None = None,
        save: Save | None = None,
        themes: Path | None = None,
    ) -> AsyncIterator[Person]:
        async with dialled() as client, trio.open_nursery() as nursery:
            screen = FakeScreen(size)
            app = App(client, screen, options, save=save, themes=themes, now=noon)
            nursery.start_soon(app.run)
            somebody = Person(app, screen)
            await somebody.sees("#lobby")
            yield somebody
            app.leave()

    return make
