"""``securechat-client --search``: search on the server, print what was found, leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict, TypeVar

import click

from securechat.client.connection import Client
from securechat.client.lineclient.plain import Screen
from securechat.client.lines import as_json, as_text

_Command = TypeVar("_Command", bound=Callable[..., Any])


class SearchOptions(TypedDict):
    """The options of ``search_options`` as click gives them to a command."""

    search: str | None
    search_in: str | None
    search_from: str | None
    search_after: datetime | None
    search_before: datetime | None
    search_limit: int | None


def _moment(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> datetime | None:
    """Return a day, or a day and a time; in this machine's time zone unless it names one."""
    del context, parameter
    if value is None:
        return None
    try:
        return datetime.fromisoformat(value).astimezone()
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(
            f"{value!r} is no time: write 2026-11-22, or 2026-11-22T20:26."
        ) from error


_OPTIONS = (
    click.option(
        "--search",
        metavar="WORDS",
        help="Search on the server and print what has all of the words. Those within double "
        "quotes stand next to each other; wor* is the beginning of a word; '' is everything.",
    ),
    click.option("--in", "search_in", metavar="NAME", help="… in this channel, or with a person."),
    click.option("--from", "search_from", metavar="NAME", help="… said by this person."),
    click.option(
        "--after",
        "search_after",
        callback=_moment,
        metavar="TIME",
        help="… since then, such as 2026-11-22 or 2026-11-22T20:26; the oldest first.",
    ),
    click.option(
        "--before",
        "search_before",
        callback=_moment,
        metavar="TIME",
        help="… until then.",
    ),
    click.option(
        "--limit",
        "search_limit",
        type=click.IntRange(min=1),
        metavar="NUMBER",
        help="… and no more than this; 50 unless given.",
    ),
)


def search_options(command: _Command) -> _Command:
    """Give a click command the options of a search; its function gets ``SearchOptions``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for, as ``Client.search`` takes it."""

    text: str
    conversation: str
    sender: str
    after: datetime | None
    before: datetime | None
    limit: int

    @classmethod
    def of(cls, options: SearchOptions) -> Search | None:
        """Return the search that is asked for, if one is. Raises ``click.UsageError``."""
        text = options["search"]
        if text is None:
            if any(value is not None for value in options.values()):
                raise click.UsageError("--in, --from, --after, --before and --limit need --search.")
            return None
        return cls(
            text,
            conversation=options["search_in"] or "",
            sender=options["search_from"] or "",
            after=options["search_after"],
            before=options["search_before"],
            limit=options["search_limit"] or 50,
        )

    async def run(self, client: Client, screen: Screen, *, json: bool) -> None:
        """Show what is found, oldest first. Raises ``SearchFailed``."""
        found = await client.search(
            self.text,
            conversation=self.conversation,
            sender=self.sender,
            after=self.after,
            before=self.before,
            limit=self.limit,
        )
        today = datetime.now(UTC)
        for said in found:
            lines = as_text(said, current=self.conversation, today=today)
            for line in [as_json(said)] if json else lines:
                await screen.show(f"{line}\n")
        if not found:
            await screen.show("Nothing was found.\n", error=True)
