"""``securechat-users`` for who moderates: ``role``, ``suspend``, ``unsuspend`` and ``audit``."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click

from securechat.cli.common import Program, print_table, say
from securechat.cli.users_data import DataFolder, long, operator, utc
from securechat.protocol.durations import format_duration, parse_duration
from securechat.store.audit import AuditEntry, audit_page
from securechat.store.credentials.accounts import ROLES

REASON_BYTES_MAX = 200
AUDIT_LIMIT = 1000

_Parameter = click.Parameter | None


class Duration(click.ParamType[int]):
    """A duration such as ``2h``, in seconds."""

    name = "duration"

    def convert(self, value: object, param: _Parameter, ctx: click.Context | None) -> int:
        """Return the seconds; wrong ones are wrong usage."""
        try:
            return value if isinstance(value, int) else parse_duration(str(value))
        except ValueError as error:
            self.fail(f"{value!r} is no duration: {error}.", param, ctx)


class Since(click.ParamType[int]):
    """A moment: a day, a time in UTC, or a duration that counts back from now."""

    name = "time"

    def convert(self, value: object, param: _Parameter, ctx: click.Context | None) -> int:
        """Return milliseconds since 1970; what is no time is wrong usage."""
        if isinstance(value, int):
            return value
        text = str(value)
        try:
            moment = datetime.now(UTC) - timedelta(seconds=parse_duration(text))
        except ValueError:
            try:
                moment = datetime.fromisoformat(text)
            except ValueError:
                self.fail(
                    f"{text!r} is no time: write 2026-11-22, 2026-11-22T20:26:00Z, or a duration "
                    "such as 2h or 7d that counts back from now.",
                    param,
                    ctx,
                )
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000)


def reason_fits(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Return a reason that the wire can carry; another one is wrong usage."""
    if len(value.encode()) > REASON_BYTES_MAX or not (value.isprintable() or not value):
        raise click.BadParameter(
            f"A reason is one line of at most {REASON_BYTES_MAX} bytes: use fewer words."
        )
    return value.strip()


@click.command(cls=Program)
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@click.pass_obj
def role(folder: DataFolder, name: str, role: str) -> None:
    """Make NAME an admin, a moderator or a member.

    Moderators keep order in the channels and suspend members; administrators may do everything.
    A running server follows within a second, and nobody is disconnected.
    """
    account = folder.with_accounts(lambda accounts: accounts.set_role(name, role))
    say(f"{account.name} is {'an' if role == 'admin' else 'a'} {role}.")


@click.command(cls=Program)
@click.argument("name")
@click.argument("duration", type=Duration(), required=False)
@click.option("--reason", default="", callback=reason_fits, help="Why; the person is told.")
@click.pass_obj
def suspend(folder: DataFolder, name: str, duration: int | None, reason: str) -> None:
    """Shut NAME out for a time, and end its sessions.

    DURATION is a number and s, m, h, d or w, such as 90s, 15m, 2h or 7d; without one it is until
    unsuspend.
    """
    account = folder.with_accounts(
        lambda accounts: accounts.suspend(name, seconds=duration or 0, by=operator(), reason=reason)
    )
    how_long = f"for {format_duration(duration)}" if duration else "until you lift it"
    say(f"{account.name} is suspended {how_long}.")


@click.command(cls=Program)
@click.argument("name")
@click.pass_obj
def unsuspend(folder: DataFolder, name: str) -> None:
    """Let the suspended NAME log in again."""
    account = folder.with_accounts(lambda accounts: accounts.unsuspend(name))
    say(f"{account.name} is not suspended.")


@click.command(cls=Program)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.option("--since", type=Since(), default=0, help="From this time on, or so long ago.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    default=AUDIT_LIMIT,
    show_default=True,
    help="Only the latest so many.",
)
@click.pass_obj
def audit(folder: DataFolder, as_json: bool, since: int, limit: int) -> None:
    """Show who did what: moderators, administrators, and this program; the oldest first."""
    entries, rest = folder.with_store(lambda store: audit_page(store, since_ms=since, limit=limit))
    if as_json:
        click.echo(json.dumps([_described(entry) for entry in entries], indent=2))
    elif entries:
        print_table(
            ("Time", "By", "Act", "Whom", "Where", "What", "Until", "Reason"),
            [
                (
                    long(utc(entry.time_ms)),
                    entry.by,
                    entry.act,
                    entry.target,
                    entry.channel,
                    entry.detail,
                    long(utc(entry.until_ms)) if entry.until_ms else "",
                    entry.reason,
                )
                for entry in entries
            ],
        )
    else:
        say("The audit log has nothing to show.")
    if rest:
        say(f"There are earlier entries than these {limit}: --limit shows more.")


def _described(entry: AuditEntry) -> dict[str, object]:
    value = asdict(entry)
    time_ms, until_ms = value.pop("time_ms"), value.pop("until_ms")
    return {"time": utc(time_ms), **value, "until": utc(until_ms) if until_ms else None}


COMMANDS = (role, suspend, unsuspend, audit)
