"""The client's state by tables: one message in, these events out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.client_state import NOW, logged_in, take

from securechat.client import events
from securechat.client.state.ownlines import OwnLines
from securechat.client.state.state import ClientState
from securechat.protocol.message import Message


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            ":bob!b@h PRIVMSG #lobby :hi",
            events.Said(time=NOW, conversation="#lobby", sender="bob", text="hi"),
        ),
        (
            ":bob!b@h PRIVMSG alice :hi",
            events.Said(time=NOW, conversation="bob", sender="bob", text="hi"),
        ),
        (
            ":alice!a@h PRIVMSG bob :from my phone",
            events.Said(
                time=NOW, conversation="bob", sender="alice", text="from my phone", own=True
            ),
        ),
        (
            ":bob!b@h NOTICE #LOBBY :hm",
            events.Said(time=NOW, conversation="#lobby", sender="bob", text="hm", kind="notice"),
        ),
        (
            ":bob!b@h PRIVMSG #lobby :\x01ACTION waves\x01",
            events.Said(time=NOW, conversation="#lobby", sender="bob", text="waves", action=True),
        ),
        (
            "@msgid=m1;account=bob;time=2026-01-02T03:04:05.678Z :bob!b@h PRIVMSG #lobby :x",
            events.Said(
                time=datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
                conversation="#lobby",
                sender="bob",
                text="x",
                msgid="m1",
                account="bob",
            ),
        ),
        ("@time=yesterday :srv NOTICE * :hello", events.ServerNotice(time=NOW, text="hello")),
        ("NOTICE alice :no source", events.ServerNotice(time=NOW, text="no source")),
        (":carol!c@h JOIN #lobby", events.Joined(time=NOW, channel="#lobby", nick="carol")),
        (
            ":alice!a@h JOIN #new",
            events.Joined(time=NOW, channel="#new", nick="alice", own=True),
        ),
        (
            ":bob!b@h PART #lobby :bye",
            events.Parted(time=NOW, channel="#lobby", nick="bob", reason="bye"),
        ),
        (
            ":alice!a@h PART #lobby",
            events.Parted(time=NOW, channel="#lobby", nick="alice", own=True),
        ),
        (
            ":bob!b@h KICK #lobby alice :out",
            events.Kicked(
                time=NOW, channel="#lobby", nick="alice", by="bob", reason="out", own=True
            ),
        ),
        (
            ":alice!a@h KICK #lobby bob",
            events.Kicked(time=NOW, channel="#lobby", nick="bob", by="alice"),
        ),
        (
            ":bob!b@h QUIT :gone",
            events.Quitted(time=NOW, nick="bob", reason="gone", channels=("#lobby",)),
        ),
        (":dave!d@h QUIT", events.Quitted(time=NOW, nick="dave", reason="", channels=())),
        (":bob!b@h NICK rob", events.Renamed(time=NOW, old="bob", new="rob")),
        (":alice!a@h NICK Alice2", events.Renamed(time=NOW, old="alice", new="Alice2", own=True)),
        (
            ":bob!b@h TOPIC #lobby :new",
            events.TopicChanged(time=NOW, channel="#lobby", topic="new", by="bob"),
        ),
        (
            ":srv 332 alice #lobby :old",
            events.TopicChanged(time=NOW, channel="#lobby", topic="old"),
        ),
        (
            ":srv 331 alice #far :No topic is set",
            events.TopicChanged(time=NOW, channel="#far", topic=""),
        ),
        (
            ":srv MODE #lobby +o bob",
            events.ModeChanged(time=NOW, target="#lobby", modes="+o bob", by="srv"),
        ),
        (
            ":bob!b@h INVITE alice #dev",
            events.Invited(time=NOW, channel="#dev", nick="alice", by="bob", own=True),
        ),
        (":bob!b@h AWAY :lunch", events.AwayChanged(time=NOW, nick="bob", text="lunch")),
        (":bob!b@h AWAY", events.AwayChanged(time=NOW, nick="bob", text=None)),
        (":srv 301 alice bob :lunch", events.AwayChanged(time=NOW, nick="bob", text="lunch")),
        (":srv 305 alice :back", events.AwayChanged(time=NOW, nick="alice", text=None, own=True)),
        (":srv 306 alice :away", events.AwayChanged(time=NOW, nick="alice", text="", own=True)),
        ("WARN * SOON :soon over", events.ServerNotice(time=NOW, text="soon over")),
        ("NOTE * HEY :well", events.ServerNotice(time=NOW, text="well")),
        (
            "FAIL JOIN CHANNEL_FULL #dev :It is full",
            events.Failed(
                time=NOW, code="CHANNEL_FULL", text="It is full", what="#dev", command="JOIN"
            ),
        ),
        (
            ":srv 403 alice #nope :No such channel",
            events.Failed(time=NOW, code="403", text="No such channel", what="#nope"),
        ),
        (
            ":srv 421 alice FROB :Unknown command",
            events.Failed(time=NOW, code="421", text="Unknown command", what="FROB"),
        ),
        (
            ":srv 311 alice bob b h * :Bob",
            events.Reply(time=NOW, code="311", params=("bob", "b", "h", "*", "Bob")),
        ),
    ],
)
def test_one_message_means_one_event(line: str, expected: events.Event) -> None:
    """Modern IRC Client Protocol, "Client Messages" and "Numerics"; IRCv3 standard-replies."""
    assert take(logged_in(), line) == [expected]


@pytest.mark.parametrize(
    "line",
    [
        "PONG srv :x",
        ":srv 002 alice :Your host",
        ":srv 333 alice #lobby bob 1",
        ":srv 372 alice :- later",
        ":srv 366 alice #far :End",
        ":srv 353 alice = #far :dave",
        ":alice!a@h JOIN #lobby",
        ":bob!b@h TAGMSG #lobby",
        ":srv ACK",
        ":srv 400",
        "NOTICE * :",
        "BATCH",
        "BATCH -unknown",
        "BATCH +t draft/chathistory-targets",
        # fewer parameters than the command has
        ":bob!b@h PRIVMSG #lobby",
        "JOIN",
        ":srv 352 alice #lobby",
        "FAIL PRIVMSG",
        "CAP * NEW",
        ":srv 332 alice",
    ],
)
def test_no_event(line: str) -> None:
    assert take(logged_in(), line) == []


def test_the_welcome() -> None:
    """The account's name comes with 001; the message of the day with 372 (RPL_MOTD)."""
    state = ClientState("ALICE", OwnLines())
    told = take(
        state,
        ":srv 001 alice :Welcome",
        ":srv 005 alice NETWORK=Here LINELEN=1024 GONE=1 :are supported",
        ":srv 005 alice -GONE :are supported",
        ":srv 375 alice :- start",
        ":srv 372 alice :- Be kind.",
        ":srv 372 alice :- Rewind.",
        ":srv 376 alice :End",
    )
    assert told == [
        events.LoggedIn(time=NOW, nick="alice", network="Here"),
        events.Motd(time=NOW, lines=("Be kind.", "Rewind.")),
    ]
    assert (state.nick, state.line_bytes_max) == ("alice", 1024)
    assert "GONE" not in state.isupport
    assert take(state, ":srv 376 alice :again") == []


def test_members_and_topics_are_kept() -> None:
    state = logged_in()
    lobby = state.channels.get("#LOBBY")
    assert lobby is not None
    assert lobby.names() == ("alice", "@bob")
    take(state, ":carol!c@h JOIN #lobby", ":bob!b@h NICK rob", ":srv 332 alice #lobby :Tea")
    assert lobby.names() == ("alice", "carol", "@rob")
    assert lobby.topic == "Tea"
    take(state, ":rob!b@h QUIT :x", ":carol!c@h PART #lobby")
    assert lobby.names() == ("alice",)
    # NAMES may need several lines, carry several prefixes and addresses; it replaces all.
    [names] = take(
        state,
        ":srv 353 alice = #lobby :@+dave!d@h",
        ":srv 353 alice = #lobby :alice +erin @",
        ":srv 366 alice #lobby :End",
    )
    assert names == events.Names(time=NOW, channel="#lobby", names=("alice", "@dave", "+erin"))
    take(state, ":srv KICK #lobby alice :x")
    assert list(state.channels) == []


def test_who_is_answered_whole() -> None:
    """Modern IRC Client Protocol, RPL_WHOREPLY: the last parameter is "hops real name"."""
    [reply] = take(
        logged_in(),
        ":srv 352 alice #lobby b h srv bob H@ :0 Bob the Builder",
        ":srv 352 alice #lobby c h srv carol G :0",
        ":srv 315 alice #lobby :End",
    )
    assert reply == events.WhoReply(
        time=NOW,
        mask="#lobby",
        people=(
            events.Person("bob", "#lobby", False, "Bob the Builder"),
            events.Person("carol", "#lobby", True, ""),
        ),
    )


def test_ping_is_answered_and_error_remembered() -> None:
    state = logged_in("PING :12 3", "ERROR :Closing link")
    assert state.outgoing == [Message("PONG", ("12 3",))]
    assert state.closing == "Closing link"


def test_capabilities_come_and_go() -> None:
    """IRCv3 capability-negotiation, cap-notify."""
    state = logged_in("CAP alice DEL :echo-message batch")
    assert {"echo-message", "batch"}.isdisjoint(state.capabilities)
    take(state, "CAP alice NEW :batch unknown-thing sasl=PLAIN")
    assert state.outgoing == [Message("CAP", ("REQ", "batch"))]
    take(state, "CAP alice ACK :batch -message-tags", "CAP alice NEW :frob", "CAP alice LIST :x")
    assert "batch" in state.capabilities
    assert "message-tags" not in state.capabilities
    assert len(state.outgoing) == 1


@pytest.mark.parametrize(
    ("isupport", "limit"), [("50", 50), ("0", 100), ("1000", 100), ("x", 100), ("7", 7)]
)
def test_the_history_limit(isupport: str, limit: int) -> None:
    """IRCv3 chathistory: ISUPPORT CHATHISTORY; 0 stands for no limit."""
    state = logged_in(f":srv 005 alice CHATHISTORY={isupport} :are supported")
    assert state.history_limit == limit
    take(state, "CAP alice DEL :batch")
    assert state.history_limit == 0


def test_own_lines_are_settled_by_their_echo() -> None:
    """IRCv3 echo-message: one's own message coming back acknowledges it."""
    state = logged_in()
    state.lines.start()
    state.lines.add("PRIVMSG", "#lobby", "hi")
    [message] = state.lines.to_send(labels=True)
    assert message.tags == {"label": "s-1"}
    take(state, "@msgid=m1;label=s-1 :alice!a@h PRIVMSG #lobby :hi, filtered")
    assert [(one.number, one.msgid) for one in state.outcomes] == [(1, "m1")]  # type: ignore[union-attr]  # or it fails


@pytest.mark.parametrize(
    "line",
    [
        ":srv 404 alice #lobby :Cannot send",
        "FAIL PRIVMSG CANNOT_SEND #lobby :Cannot send",
        "FAIL PRIVMSG STORE_FAILED :Cannot send",
        "@label=s-1 :srv 412 alice :Cannot send",
    ],
)
def test_own_lines_are_settled_by_a_refusal(line: str) -> None:
    """IRCv3 standard-replies, labeled-response; numerics of PRIVMSG."""
    state = logged_in()
    state.lines.start()
    state.lines.add("PRIVMSG", "#lobby", "hi")
    state.lines.to_send(labels="label" in line)
    [failed] = take(state, line)
    assert isinstance(failed, events.Failed)
    [outcome] = state.outcomes
    assert str(outcome.error) == "Not sent to #lobby: Cannot send"  # type: ignore[union-attr]  # or it fails


def test_a_refused_conversation_is_forgotten_unless_something_was_told_of_it() -> None:
    state = logged_in("@msgid=m1 :bob!b@h PRIVMSG alice :hi")
    state.lines.start()
    for target in ("bob", "nobody"):
        state.timeline.open(target, NOW)
        state.lines.add("PRIVMSG", target, "hi")
    state.lines.to_send(labels=False)
    take(state, ":srv 401 alice nobody :No such nick", ":srv 401 alice bob :No such nick")
    assert state.timeline.get("bob") is not None
    assert state.timeline.get("nobody") is None
    take(state, ":srv 401 alice bob :No such nick")  # about no line
    assert len(state.outcomes) == 2


def test_a_new_connection_forgets_what_is_of_the_old() -> None:
    state = logged_in("PING x", "ERROR :bye", "@msgid=m9 :bob!b@h PRIVMSG #lobby :x", "BATCH +1 x")
    state.reset()
    assert list(state.channels) == []
    assert (state.capabilities, state.isupport, state.outgoing) == (set(), {}, [])
    assert (state.ready, state.closing) == (False, "")
    lobby = state.timeline.get("#lobby")
    assert lobby is not None
    assert lobby.anchor == "msgid=m9"


def test_status_messages_belong_to_their_channel() -> None:
    """ISUPPORT STATUSMSG: a channel after a prefix means its members with that prefix."""
    state = logged_in(":srv 005 alice STATUSMSG=@ :are supported")
    [said] = take(state, ":bob!b@h PRIVMSG @#lobby :ops only")
    assert said.conversation == "#lobby"  # type: ignore[attr-defined]  # a Said


WORD = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0 "), min_size=1, max_size=8)


COMMAND = st.sampled_from(
    [
        *("001", "005", "301", "305", "306", "315", "331", "332", "352", "353", "366", "372"),
        *("376", "401", "421", "900", "PRIVMSG", "NOTICE", "JOIN", "PART", "KICK", "QUIT", "NICK"),
        *("TOPIC", "MODE", "INVITE", "AWAY", "PING", "ERROR", "CAP", "BATCH", "FAIL", "WARN"),
        *("NOTE", "CHATHISTORY"),
    ]
)


PARAMETER = WORD | st.sampled_from(["alice", "#lobby", "+1", "-1"])


@given(
    st.lists(
        st.builds(
            Message,
            COMMAND,
            st.lists(WORD | st.sampled_from(["alice", "#lobby", "+1", "-1"]), max_size=9).map(
                tuple
            ),
            st.none() | st.sampled_from(["srv", "alice!a@h", "bob!b@h", "alice"]) | WORD,
            st.dictionaries(st.sampled_from(["batch", "time", "msgid", "label"]), WORD),
        ),
        max_size=30,
    )
)
def test_nothing_a_server_says_is_an_error_here(messages: list[Message]) -> None:
    state = logged_in()
    for message in messages:
        for event in state.receive(message, NOW):
            assert event.time.tzinfo is not None
