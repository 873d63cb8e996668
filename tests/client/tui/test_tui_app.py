"""The program as a person uses it: keys go in, the screen comes out, and a server is there."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import trio
from support.fake_server import FakeServer
from support.tui import Open, said
from trio.testing import MockClock

from securechat.client.events import Event
from securechat.client.tui.app import EVENTS_AT_ONCE, LAG_SECONDS


async def test_a_line_is_pending_and_then_sent(
    autojump_clock: MockClock, person: Open, server: FakeServer
) -> None:
    async with person() as alice:
        alice.types("good morning")
        await alice.sees("good morning")
        alice.presses("enter")
        await alice.until(lambda: server.kept)
        assert server.kept[-1].text == "good morning"
        await alice.until(lambda: not alice.app.here.outbox)
        shown = await alice.sees("good morning")
        assert "good morning …" not in shown
        assert shown.count("good morning") == 1


async def test_lines_typed_without_a_connection_wait_in_order(
    autojump_clock: MockClock, person: Open, server: FakeServer
) -> None:
    """Issue: a line typed while offline waits in order and is sent once; the banner counts."""
    async with person() as alice:
        server.unreachable = True
        server.break_all()
        await alice.sees("Not connected")
        for n in range(3):
            alice.types(f"later {n}")
            alice.presses("enter")
        await alice.sees("later 0 …", "later 1 …", "later 2 …", "again in")
        server.unreachable = False
        alice.presses("f5")
        await alice.until(lambda: len(server.kept) == 3)
        assert [kept.text for kept in server.kept] == ["later 0", "later 1", "later 2"]
        await alice.until(lambda: not alice.app.here.outbox)
        shown = await alice.sees("later 2")
        assert "Not connected" not in shown
        assert shown.index("later 0") < shown.index("later 1") < shown.index("later 2")


async def test_what_failed_can_be_sent_again(
    autojump_clock: MockClock, person: Open, server: FakeServer
) -> None:
    async with person() as alice:
        entry = alice.app.model.waiting(alice.app.here, "once more", alice.app.now())
        alice.app.model.settled(alice.app.here, entry, "it was refused")
        await alice.sees("not sent", "it was refused")
        alice.presses("meta s")
        await alice.sees("resend")
        alice.presses("R")
        await alice.until(lambda: server.kept)
        assert server.kept[-1].text == "once more"
        await alice.until(lambda: not alice.app.here.outbox)
        assert "not sent" not in alice.screen.text


async def test_a_message_elsewhere_is_a_badge_and_a_notification(
    autojump_clock: MockClock, person: Open, server: FakeServer
) -> None:
    """What people expect: mentions and private messages notify, never while focused."""
    async with person() as alice:
        server.say("bob", "alice", "lunch?")
        await alice.sees("bob")
        assert alice.app.model.urgent == 1
        assert alice.screen.said == []
        alice.presses("focus out")
        server.say("bob", "alice", "hello?")
        await alice.until(lambda: alice.screen.said)
        assert alice.screen.said[-1].endswith("\a")
        assert alice.screen.title.startswith("(@2) #lobby")
        alice.presses("focus in", "meta a")
        await alice.sees("lunch?", "hello?")
        assert alice.app.model.urgent == 0


async def test_the_unread_line_stays_while_one_looks(
    autojump_clock: MockClock, person: Open, server: FakeServer
) -> None:
    async with person() as alice:
        server.say("bob", "#lobby", "seen")
        await alice.sees("seen")
        alice.presses("focus out")
        server.say("bob", "#lobby", "unseen")
        await alice.sees("new ─", "unseen")
        assert alice.app.here.unread == 1
        alice.presses("focus in")
        await alice.until(lambda: not alice.app.here.unread)
        await trio.sleep(5)
        assert "new ─" in alice.screen.text
        alice.types("ah")
        alice.presses("enter")
        await alice.until(lambda: "new ─" not in alice.screen.text)


async def test_older_messages_load_when_one_scrolls_up(
    autojump_clock: MockClock, person: Open, server: FakeServer
) -> None:
    for n in range(120):
        server.keep("bob", "#lobby", f"old {n}")
    async with person() as alice:
        await alice.sees("old 119")
        for _ in range(20):
            alice.presses("page up")
            await trio.sleep(0.1)  # on the test's clock: the painter comes thirty times a second
        await alice.sees("old 0")
        alice.presses("ctrl end")
        await alice.sees("old 119")
        texts = [entry.text for entry in alice.app.here.entries if entry.kind == "said"]
        assert texts == [f"old {n}" for n in range(120)]


async def test_several_pasted_lines_are_asked_about(
    autojump_clock: MockClock, person: Open, server: FakeServer
) -> None:
    async with person() as alice:
        alice.presses("begin paste", *"one", "enter", *"two", "end paste")
        await alice.sees("Paste 2 lines?")
        alice.presses("esc")
        await alice.until(lambda: "Paste" not in alice.screen.text)
        assert alice.app.editor.text == ""
        alice.presses("begin paste", *"one", "enter", *"two", "end paste", "j")
        assert alice.app.editor.text == "one two"
        assert server.kept == []
        alice.presses("begin paste", *"no end")
        await trio.sleep(4)
        alice.types("!")
        assert alice.app.editor.text == "one twono end!"


async def test_commands_and_their_mistakes(
    autojump_clock: MockClock, person: Open, server: FakeServer
) -> None:
    async with person() as alice:
        alice.types("/jion #dev")
        alice.presses("enter")
        await alice.sees("did you mean /join?")
        alice.presses("ctrl u")
        alice.types("/join #dev")
        alice.presses("enter")
        await alice.until(lambda: alice.app.model.current == "#dev")
        alice.types("/topic")
        alice.presses("enter")
        await alice.sees("#dev has no topic.")
        alice.types("/quit")
        alice.presses("enter")
        await alice.until(lambda: alice.app.nursery.cancel_scope.cancel_called)


async def test_drafts_belong_to_their_conversation(
    autojump_clock: MockClock, person: Open, server: FakeServer
) -> None:
    async with person() as alice:
        alice.types("half a thought")
        alice.app.go("bob")
        await alice.sees("Message bob", "✎")
        alice.presses("meta `")
        await alice.sees("half a thought")


async def test_the_switcher_goes_there(
    autojump_clock: MockClock, person: Open, server: FakeServer
) -> None:
    async with person((40, 12)) as alice:
        alice.app.model.open("#release-planning")
        alice.presses("ctrl k")
        await alice.sees("Go to")
        alice.types("rp")
        alice.presses("enter")
        await alice.sees("#release-planning")
        assert alice.app.model.current == "#release-planning"


async def test_a_mouse_scrolls_and_goes(
    autojump_clock: MockClock, person: Open, server: FakeServer
) -> None:
    for n in range(60):
        server.keep("bob", "#lobby", f"old {n}")
    async with person((120, 24)) as alice:
        await alice.sees("old 59")
        server.say("carol", "alice", "psst")
        await alice.sees("• carol")
        alice.presses(("mouse press", 4, 50, 8))
        await alice.until(lambda: "old 59" not in alice.screen.text)
        row = next(n for n, text in enumerate(alice.screen.last_text) if "• carol" in text[:22])
        alice.presses(("mouse press", 1, 5, row))
        await alice.sees("psst")
        assert alice.app.model.current == "carol"
        alice.app.go("#lobby")
        alice.presses("page up", "page up")
        shown = await alice.sees("more ↓")
        row = next(n for n, line in enumerate(shown.split("\n")) if "more ↓" in line)
        alice.presses(("mouse press", 1, 50, row - 1))
        await trio.sleep(1)
        assert "more ↓" in alice.screen.text
        alice.presses(("mouse press", 1, 50, row))
        await alice.until(lambda: alice.app.view.log.at_bottom)
        alice.types("/mouse off")
        alice.presses("enter")
        assert not alice.screen.mouse


async def test_help_comes_from_the_tables(autojump_clock: MockClock, person: Open) -> None:
    async with person((80, 60)) as alice:
        alice.presses("f1")
        await alice.sees("Help", "go to a conversation by a part of its name", "Ctrl-K")
        alice.presses("esc")
        await alice.until(lambda: "arrows scroll" not in alice.screen.text)


async def test_ctrl_c_clears_and_twice_leaves(autojump_clock: MockClock, person: Open) -> None:
    async with person() as alice:
        alice.types("never mind")
        alice.presses("ctrl c")
        assert alice.app.editor.text == ""
        alice.presses("ctrl c")
        alice.types("x")  # so the next one begins anew, and clears
        alice.presses("ctrl c", "enter", "ctrl c")
        await trio.testing.wait_all_tasks_blocked()
        assert not alice.app.nursery.cancel_scope.cancel_called
        alice.presses("ctrl c")
        await alice.until(lambda: alice.app.nursery.cancel_scope.cancel_called)


async def test_every_action_has_its_handler() -> None:
    from securechat.client.commandtable import ROWS
    from securechat.client.tui.actions import HANDLERS, POPUP
    from securechat.client.tui.doing import HANDLERS as COMMANDS
    from securechat.client.tui.filtering import ACTIONS as MEMBERS
    from securechat.client.tui.keys import BINDINGS

    assert {row.action for row in BINDINGS} == {*HANDLERS, *POPUP, *MEMBERS}
    assert {*COMMANDS} == {*ROWS} - {"nick"}


async def test_resizing_all_the_way(
    autojump_clock: MockClock, person: Open, server: FakeServer
) -> None:
    async with person() as alice:
        server.say("bob", "#lobby", "a long message " * 20)
        await alice.sees("a long message")
        for size in ((10, 3), (1, 1), (200, 60), (59, 5), (80, 24)):
            alice.screen.resize(*size)
            await trio.sleep(0.2)  # on the test's clock, for the painter
            assert len(alice.screen.last_text) == size[1]
        await alice.sees("a long message")


async def test_a_flood_leaves_the_keys_alive(
    autojump_clock: MockClock, person: Open, server: FakeServer
) -> None:
    """Issue: while 100,000 messages come in, what is typed is echoed.

    Between two turns of the other tasks only so many events are taken.
    """
    async with person() as alice:
        taken = turns = most_between = last = 0

        async def flood() -> AsyncIterator[Event]:
            nonlocal taken
            for n in range(100_000):
                taken += 1
                yield said(f"flood {n}", n / 1000, msgid=f"f{n}")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(alice.app.listen, flood())
            while taken < 100_000:
                await trio.lowlevel.checkpoint()
                most_between, last = max(most_between, taken - last), taken
                turns += 1
                if turns == 200:
                    alice.types("still here")
                    assert alice.app.editor.text == "still here"
        assert most_between <= 2 * EVENTS_AT_ONCE  # tasks of one turn run in any order
        await alice.sees("flood 99999", "still here")
        assert len(alice.app.here.entries) <= 4_000


async def test_a_server_without_labels_ends_nothing(
    autojump_clock: MockClock, person: Open, server: FakeServer
) -> None:
    """What measures the lag needs labels (IRCv3 labeled-response), which other servers lack."""
    async with person() as alice:
        await trio.sleep(10 * LAG_SECONDS)
        alice.types("still here")
        await alice.sees("still here")


async def test_what_was_refused_says_why_once_and_how_to_go_on(
    autojump_clock: MockClock, person: Open, server: FakeServer
) -> None:
    """Issue: states of an own message: failed, with resend and edit."""
    async with person((100, 30)) as alice:
        alice.types("/msg #nowhere hello")
        alice.presses("enter")
        shown = await alice.sees("not sent", "Cannot send to channel", "Ctrl-Up chooses it")
        assert "Not sent to" not in shown


async def test_several_messages_are_copied_without_their_times(
    autojump_clock: MockClock, person: Open, server: FakeServer
) -> None:
    """UI.md, "should": copying without timestamps."""
    for n in range(5):
        server.keep("bob" if n % 2 else "carol", "#lobby", f"word {n}")
    async with person((100, 30)) as alice:
        await alice.sees("word 4")
        alice.presses("meta s", "up", "v", "up", "up")
        await alice.sees("copy 3 messages")
        alice.presses("c")
        copied = base64.b64decode(alice.screen.said[-1].split(";")[2].rstrip("\x1b\\")).decode()
        assert copied == "bob: word 1\ncarol: word 2\nbob: word 3"
        assert not alice.app.view.log.selected
        alice.presses("meta s", "v", "up", "v")
        await alice.sees("reply")
        alice.presses("c")
        copied = base64.b64decode(alice.screen.said[-1].split(";")[2].rstrip("\x1b\\")).decode()
        assert copied == "word 3"
        alice.presses("v", "esc", "meta s")
        await alice.sees("reply")
        assert len(alice.app.view.log.chosen(alice.app.here)) == 1
