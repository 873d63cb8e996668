"""The index follows the journal whatever happens in between: a crash, an older file, no file.

``store/search/indexer.py`` does three things, one after the other: it reads what is new, puts it
in, and takes it out of the queue. Here it is cut off between any two of them, with as small batches
as there can be, and the index is compared with one that is built from the journal anew.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from support.store_conformance import event

from securechat.store import database, pruning, queries
from securechat.store.contract import Amendment, Entry
from securechat.store.search import index as search_index
from securechat.store.search import source as search_source
from securechat.store.search.check import disagreements, instances
from securechat.store.search.source import State

TEXTS = st.sampled_from(
    [
        *("", "one", "two words", "one two three", "drei", "größer \U0001f600"),
        # What the index is not given as it is.
        *(
            "\x01ACTION waves\x01",
            "o\x02n\x0fe",
            "o\rne\ntwo",
            "\x0304red",
            "日本語 ไทย",
            '"o\\ne"',
        ),
    ]
)
COUNTS = st.integers(1, 5)


class Following(RuleBasedStateMachine):
    """A journal that is written to, and an index that follows with interruptions."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self.path = self.folder / search_index.FILE_NAME
        self.journal = self._stack.enter_context(closing(database.open_writer(self.folder)))
        self.journal.execute("PRAGMA synchronous = OFF")
        self.index: sqlite3.Connection | None = None
        self.number = 0

    def teardown(self) -> None:
        self.crash()
        self._stack.close()

    # --- the journal ---------------------------------------------------------------------------

    def _append(self, *new: Entry) -> None:
        database.transact(self.journal, partial(queries.append, entries=new))

    def _next(self, text: str, **fields: str) -> Entry:
        self.number += 1
        where = "#a" if self.number % 3 else "#b"
        return Entry(event(self.number, text=text, conversation=where, **fields))

    @rule(text=TEXTS, kind=st.sampled_from(["PRIVMSG", "NOTICE", "JOIN"]))
    def say(self, text: str, kind: str) -> None:
        self._append(self._next(text, kind=kind))

    @rule(text=TEXTS, back=st.integers(0, 9))
    def amend(self, text: str, back: int) -> None:
        msgid = event(max(1, self.number - back)).msgid
        new = self._next(text, kind="EDIT" if text else "REDACT", parent=msgid)
        self._append(Entry(new.event, (), [Amendment(msgid, text)]))

    @rule(back=st.integers(0, 9), limit=COUNTS)
    def forget(self, back: int, limit: int) -> None:
        before = queries.last_position(self.journal) - back
        database.transact(
            self.journal,
            lambda db: pruning.forget(db, conversation=None, before=before, limit=limit),
        )

    # --- the index -----------------------------------------------------------------------------

    def _opened(self) -> tuple[sqlite3.Connection, State]:
        """Open it as ``SearchIndex`` does, if it is not open."""
        if self.index is None:
            index, state = search_index.open_index(self.path)
            if not search_source.can_follow(self.journal, state):
                index.close()
                search_index.remove(self.path)
                index, state = search_index.open_index(self.path)
            self.index = index
        return self.index, search_index.read_state(self.index)

    @rule(limit=COUNTS, cut=st.integers(1, 4))
    def follow(self, limit: int, cut: int) -> None:
        """Do the first ``cut`` things of a step; the fourth is to go on."""
        index, state = self._opened()
        news = search_source.news(self.journal, state, limit)
        if cut > 1 and news is not None:
            after = search_index.apply(index, news)
            assert after == search_index.read_state(index)
            if cut > 2 and news.changed:
                last = news.changed[-1].sequence
                database.transact(self.journal, partial(search_source.followed, sequence=last))
        if cut < 4:
            self.crash()

    @rule()
    def crash(self) -> None:
        if self.index is not None:
            self.index.close()
            self.index = None

    @rule()
    def lose(self) -> None:
        self.crash()
        search_index.remove(self.path)

    @rule()
    def keep_a_copy(self) -> None:
        self.crash()
        if self.path.exists():
            shutil.copy(self.path, self.folder / "copy")

    @rule()
    def put_the_copy_back(self) -> None:
        self.crash()
        if (self.folder / "copy").exists():
            search_index.remove(self.path)
            shutil.copy(self.folder / "copy", self.path)
            self._opened()

    @rule(pages=st.integers(1, 50))
    def forget_words(self, pages: int) -> None:
        """What was taken out leaves the file, and nothing else does."""
        index, state = self._opened()
        before = list(instances(index))
        more = search_index.merge_step(index, pages, first=True)
        while more:
            more = search_index.merge_step(index, pages)
        while search_index.shrink_step(index, pages):
            pass
        after = search_index.forgotten(index, state.erased)
        assert after.erased == 0
        assert list(instances(index)) == before

    @invariant()
    def agrees(self) -> None:
        assert disagreements(self.folder) == []

    @rule()
    def finish(self) -> None:
        """Once there is no more to follow, the queue is done with and all that is said is in."""
        index, state = self._opened()
        while (news := search_source.news(self.journal, state, 3)) is not None:
            state = search_index.apply(index, news)
            if news.changed:
                search_source.followed(self.journal, news.changed[-1].sequence)
        assert state.position == queries.last_position(self.journal)
        said = self.journal.execute(
            "SELECT position FROM events WHERE kind IN ('PRIVMSG', 'NOTICE') AND text <> ''"
        )
        assert sorted(index.execute("SELECT position FROM indexed")) == sorted(said)


def test_it_follows_over_every_interruption() -> None:
    run_state_machine_as_test(Following, settings=settings(max_examples=20))


@pytest.mark.slow
def test_it_follows_over_many_interruptions() -> None:
    run_state_machine_as_test(Following, settings=settings(max_examples=500))
