"""What every command-line program here shares: how it runs, fails, and prints tables.

The interface's rules: data goes to standard output, everything said to a person to standard error.
A failure is one sentence, ``Error: …``, and exit status 1; wrong usage is click's own message and
exit status 2. Only our own bugs show a traceback.
"""

from __future__ import annotations

import errno
import shutil
import sys
import textwrap
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click
import trio

from securechat.errors import SecureChatError

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

COLUMNS_MOST = 100
"""Sentences are no wider than this also on a wider terminal: the eye loses the line."""


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn a failure that a person can do something about into click's ``Error: sentence``.

    That is every ``SecureChatError`` and ``OSError``, also when nurseries wrapped several into a
    group: then the first is told. A group with anything else in it is a bug and passes.
    """
    try:
        yield
    except (SecureChatError, OSError, BaseExceptionGroup) as error:
        leaves = list(_leaves(error))
        for interruption in (KeyboardInterrupt, SystemExit):
            for leaf in leaves:
                if isinstance(leaf, interruption):
                    raise leaf from None
        for leaf in leaves:
            # A closed pipe is click's to handle: it ends quietly, as `… | head` should.
            if isinstance(leaf, OSError) and leaf.errno == errno.EPIPE:
                raise leaf from None
        if not all(isinstance(leaf, SecureChatError | OSError) for leaf in leaves):
            raise
        raise Failure(_sentence(leaves[0])) from error


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename is not None else ""
        return f"{where}{error.strerror}"
    return str(error) or type(error).__name__


class _SaysWhatToWrite(click.Command):
    """A command that says of what is missing on the command line how it is written."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter as error:
            if error.param is None:
                raise
            needed = [param for param in self.params if param.required]
            needed.sort(key=lambda param: isinstance(param, click.Option))  # arguments first
            line = " ".join([ctx.command_path, *(_written(param, ctx) for param in needed)])
            what = _written(error.param, ctx)
            raise click.UsageError(f"{what} is missing: write {line!r}.", ctx) from error
        except click.BadOptionUsage as error:
            for param in self.params:
                if isinstance(param, click.Option) and error.option_name in param.opts:
                    raise click.UsageError(_misused(param, error, ctx), ctx) from error
            raise


def _written(param: click.Parameter, ctx: click.Context) -> str:
    """Return a parameter as it is typed, such as ``NAME`` or ``--send TARGET TEXT``."""
    if not isinstance(param, click.Option):
        return param.make_metavar(ctx)
    name = max(param.opts, key=len)
    return name if param.is_flag else f"{name} {param.make_metavar(ctx)}"


def _misused(option: click.Option, error: click.BadOptionUsage, ctx: click.Context) -> str:
    """Return what to write where an option has too few words after it, or one too many."""
    if option.is_flag:
        return f"{error.option_name} takes no value: write it alone."
    if option.nargs == 1:
        return f"{error.option_name} needs a value: write {_written(option, ctx)}."
    return (
        f"{error.option_name} needs {option.nargs} values: write {_written(option, ctx)}, "
        "and what has spaces in quotes."
    )


class Program(_SaysWhatToWrite):
    """A command whose failures are one sentence each."""

    def invoke(self, ctx: click.Context) -> Any:
        with one_sentence():
            return super().invoke(ctx)


class ProgramWithCommands(Program):
    """A program with arguments of its own, and commands where the first word is the name of one.

    click's groups take their own arguments before a command's name, which does not go with an
    argument that may be left out. ``--help`` lists the commands after the options.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands: dict[str, click.Command] = {}

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        command = self.commands.get(args[0]) if args else None
        if command is None:
            return super().make_context(info_name, args, parent, **extra)
        return command.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        if ctx.command is not self:
            with one_sentence():
                return ctx.command.invoke(ctx)
        return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, command.get_short_help_str(60)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
        super().format_epilog(ctx, formatter)


class ProgramGroup(_SaysWhatToWrite, click.Group):
    """A group of commands whose failures are one sentence each."""

    command_class = Program

    def invoke(self, ctx: click.Context) -> Any:
        with one_sentence():
            return super().invoke(ctx)


def run(main: Callable[[], Awaitable[T]]) -> T:
    """Run an async function by Trio and return its result; failures as in ``one_sentence``."""
    with one_sentence():
        return trio.run(main)


def say(text: str) -> None:
    """Tell the person at the terminal something that is not the program's output."""
    click.echo(folded(text), err=True)


class Failure(click.ClickException):
    """A failure whose sentence is folded between words, as ``say`` does."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print ``Error: …`` as click does."""
        click.echo(folded(f"Error: {self.format_message()}"), file=file, err=file is None)


def folded(text: str) -> str:
    """Return a text with its long lines broken between words, for a terminal to show.

    Where standard error is no terminal, and in lines that begin with a space, which are tables,
    nothing is broken: what a script or a person searches for stays in one piece.
    """
    if not sys.stderr.isatty():
        return text
    columns = min(shutil.get_terminal_size().columns, COLUMNS_MOST)
    return "\n".join(
        line
        if len(line) <= columns or line.startswith(" ")
        else textwrap.fill(line, columns, break_long_words=False, break_on_hyphens=False)
        for line in text.split("\n")
    )


def console(*, stderr: bool = False) -> Console:
    """Return a rich console that honours ``NO_COLOR`` and never adds markup or emoji to data."""
    from rich.console import Console  # noqa: PLC0415 - rich is slow to load and seldom needed

    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their headings: drawn on a terminal, plain aligned text elsewhere."""
    out = console()
    if out.is_terminal:
        from rich import box  # noqa: PLC0415 - slow to load
        from rich.table import Table  # noqa: PLC0415 - slow to load

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*row)
        out.print(table)
        return
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())
