"""``securechat-server``: run the server, or tell a running one to announce something.

The commands about what is kept are in ``server_data.py``.
"""

from __future__ import annotations

import errno
import gc
import os
import secrets
import shutil
import ssl
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import structlog
import trio

import securechat
from securechat import logs
from securechat.certificates import (
    certificate_expiry,
    certificate_fingerprint,
    certificate_warnings,
    load_server_context,
)
from securechat.cli.common import ProgramGroup, run, say
from securechat.cli.server_data import COMMANDS as DATA_COMMANDS
from securechat.config import Settings, click_options, load_settings
from securechat.config import print_config as as_toml
from securechat.errors import CertificateError, StoreUnavailable, UserError
from securechat.server.console import banner, open_signals, read_console, watch_signals
from securechat.server.context import Server
from securechat.server.run import make_server, open_listeners, running
from securechat.server.watchers import ANNOUNCEMENT_RECORD, announce
from securechat.store.contract import Change, Store
from securechat.store.credentials.accounts import Accounts
from securechat.store.database import prepare_file
from securechat.store.lock import sole_server
from securechat.store.pruning import make_shrinkable
from securechat.store.sqlite import open_store

# A running server looks for announcements four times a second.
ANNOUNCE_SECONDS = 3.0
ANNOUNCE_BYTES_MAX = 400

# What reading a terminal says once its window is closed.
TERMINAL_GONE = frozenset({errno.EIO, errno.ENOTTY})

# So many more objects than before have the garbage collector look for cycles among the new ones.
COLLECT_EVERY = 20_000

log = structlog.get_logger(__name__)


@click.group(
    cls=ProgramGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(securechat.__version__, prog_name="securechat-server")
@click_options()
@click.pass_context
def main(
    context: click.Context, /, config: Path | None, *, print_config: bool, **flags: Any
) -> None:
    """Run the SecureChat server.

    Settings come from their defaults, then the file of --config, then SECURECHAT_* variables, then
    these flags, the later winning.
    """
    settings = load_settings(config=config, environ=os.environ, flags=flags)
    context.obj = settings
    if print_config:
        click.echo(as_toml(settings), nl=False)
        context.exit()
    if context.invoked_subcommand is None:
        logs.configure(settings.log_format, settings.log_level)
        run(lambda: _serve(settings))


for command in DATA_COMMANDS:
    main.add_command(command)


@main.command("announce")
@click.argument("text", nargs=-1, required=True)
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the running server.")
@click.pass_obj
def announce_command(settings: Settings, text: tuple[str, ...], data: Path | None) -> None:
    """Have a running server tell everybody TEXT."""
    line = " ".join(text).strip()
    if not line or len(line.encode()) > ANNOUNCE_BYTES_MAX:
        raise UserError(f"Give a text of 1 to {ANNOUNCE_BYTES_MAX} bytes to announce.")
    run(lambda: _announce(data or settings.data, line))
    say("Announced.")


async def _announce(folder: Path, text: str) -> None:
    """Leave the text in the data folder and wait until the server has taken it."""
    async with open_store(folder, create=False) as store:
        key = secrets.token_hex(8)
        await store.put([Change(ANNOUNCEMENT_RECORD, key, {"text": text})])
        with trio.move_on_after(ANNOUNCE_SECONDS):
            while await store.get(ANNOUNCEMENT_RECORD, key) is not None:  # noqa: ASYNC110 - no event
                await trio.sleep(0.05)
            return
        await store.put([Change(ANNOUNCEMENT_RECORD, key, None)])
    raise UserError(
        f"No server is running on {folder}, so nobody was told: name another folder with --data."
    )


async def _serve(settings: Settings) -> None:
    """Run the server until it is asked to stop."""
    context = load_server_context(settings.cert, settings.key, tls_minimum=settings.tls_minimum)
    for warning in certificate_warnings(settings.cert, settings.key):
        log.warning(warning)
    listeners = await open_listeners(settings)
    prepare_file(settings.data, create=True)
    with sole_server(settings.data):
        await _make_shrinkable(settings.data)
        async with open_store(settings.data) as store:
            await _run_on(settings, store, context, listeners)
    log.info("stopped")


async def _make_shrinkable(folder: Path) -> None:
    """Have a database of an older version give disk space back from now on."""
    try:
        if await trio.to_thread.run_sync(make_shrinkable, folder):
            log.info("database rewritten, it gives disk space back from now on")
    except StoreUnavailable as error:
        log.warning(
            "database gives no disk space back, trying at the next start", reason=str(error)
        )


async def _run_on(
    settings: Settings,
    store: Store,
    context: ssl.SSLContext,
    listeners: Sequence[trio.SocketListener],
) -> None:
    server = await make_server(settings, store, context)

    def reload() -> str | None:
        try:
            server.tls = load_server_context(
                settings.cert, settings.key, tls_minimum=settings.tls_minimum
            )
        except CertificateError as error:
            log.warning("certificate not replaced, the old one serves on", reason=str(error))
            return str(error)
        log.info("certificate replaced")
        return None

    server.rehash = reload

    _collect_seldom()
    stop = trio.Event()
    with open_signals() as signals:
        async with trio.open_nursery() as watching:
            watching.start_soon(watch_signals, signals, stop.set, reload)
            async with running(server) as current, trio.open_nursery() as operator:
                operator.start_soon(current.accept, listeners)
                await _greet(settings, store, listeners)
                if _on_terminal():
                    operator.start_soon(_listen_to_terminal, server, stop.set)
                await stop.wait()
                operator.cancel_scope.cancel()
            watching.cancel_scope.cancel()


def _collect_seldom() -> None:
    """Have the cyclic garbage collector run seldom, and leave out what is there by now.

    Sessions leave no cycles behind, so it finds next to nothing; as it comes, every 700 objects, it
    took a quarter of what a storm of logins costs.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY, 10, 10)


async def _listen_to_terminal(server: Server, stop: Callable[[], object]) -> None:
    """Announce what is typed. Stop where the window is closed: nobody could stop it by hand."""
    try:
        await read_console(lambda text: announce(server, text))
    except OSError as error:
        if error.errno not in TERMINAL_GONE:
            raise
        stop()


async def _greet(
    settings: Settings, store: Store, listeners: Sequence[trio.SocketListener]
) -> None:
    """Print where the server listens and what to type next."""
    bound = [listener.socket.getsockname() for listener in listeners]
    accounts = [item for item in await Accounts(store).list() if not item.disabled]
    click.echo(
        banner(
            settings,
            bound=[address[0] for address in bound],
            port=bound[0][1],
            fingerprint=certificate_fingerprint(settings.cert),
            expires=certificate_expiry(settings.cert),
            account=accounts[0].name if accounts else None,
            on_terminal=_on_terminal(),
            programs=_programs(),
        )
    )


def _programs() -> str:
    """Return what a shell here needs before a program's name: nothing where PATH has the folder."""
    own = Path(sys.executable).with_name("securechat-client")
    found = shutil.which(own.name)
    if not own.exists() or (found is not None and own.samefile(found)):
        return ""
    folder = own.parent
    if folder.is_relative_to(Path.cwd()):
        folder = folder.relative_to(Path.cwd())
    return f"{folder}/"


def _on_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
