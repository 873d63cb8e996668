"""The model: whatever events come in whatever order, its counts and its entries stay sound."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from support.tui import START, a_model, said

from securechat.client import events
from securechat.client.events import Event
from securechat.client.tui import intake
from securechat.client.tui.conversation import Conversation, entry_of
from securechat.client.tui.model import Model

NAMES = st.sampled_from(["#lobby", "#dev", "bob", "carol"])
NICKS = st.sampled_from(["alice", "bob", "carol", "Dave"])
MSGIDS = st.sampled_from([f"m{n}" for n in range(8)])
MINUTES = st.integers(0, 5000)


def made(minute: int, kind: str, name: str, nick: str, msgid: str, flag: bool) -> Event:
    time = START + timedelta(minutes=minute)
    channel = name if name.startswith("#") else "#lobby"
    match kind:
        case "said":
            own = nick == "alice"
            return said(
                "hi Alice", minute, nick, conversation=name, msgid=msgid, own=own, history=flag
            )
        case "edited":
            return events.Edited(time=time, conversation=name, msgid=msgid, text="x", sender=nick)
        case "redacted":
            return events.Redacted(time=time, conversation=name, msgid=msgid, by=nick)
        case "reacted":
            return events.Reacted(
                time=time, conversation=name, msgid=msgid, text="+", nick=nick, removed=flag
            )
        case "joined":
            return events.Joined(time=time, channel=channel, nick=nick, own=nick == "alice")
        case "parted":
            return events.Parted(time=time, channel=channel, nick=nick, own=flag)
        case "quitted":
            return events.Quitted(time=time, nick=nick, reason="", channels=(channel,))
        case "renamed":
            return events.Renamed(time=time, old=nick, new="erin")
        case "marked":
            return events.Marked(time=time, conversation=name, until=time if flag else None)
        case "counted":
            return events.UnreadCounted(time=time, conversation=name, unread=minute % 9, mentions=0)
        case "moved":
            return events.ChannelRenamed(time=time, old=channel, new="#new")
        case _:
            return events.Disconnected(time=time, reason="gone", retry_in=1.0 if flag else None)


KINDS = st.sampled_from(
    [
        *("said", "said", "said", "edited", "redacted", "reacted", "joined", "parted"),
        *("quitted", "renamed", "marked", "counted", "moved", "lost"),
    ]
)
EVENTS = st.builds(made, MINUTES, KINDS, NAMES, NICKS, MSGIDS, st.booleans())
STEPS = st.lists(st.one_of(EVENTS, NAMES, st.booleans()), max_size=60)


def check(model: Model) -> None:
    assert model.here.key in model.conversations
    for key, one in model.conversations.items():
        assert key == one.key
        assert one.mentions >= 0
        assert one.unread >= 0
        msgids = [entry.msgid for entry in one.entries if entry.msgid]
        assert len(msgids) == len(set(msgids))
        assert set(msgids) == set(one.known)
        numbers = [entry.number for entry in one.shown]
        assert len(numbers) == len(set(numbers))
        assert all(nicks for entry in one.entries for nicks in entry.reactions.values())
    assert model.urgent <= sum(one.unread + one.mentions for one in model.conversations.values())


@given(STEPS)
def test_whatever_comes_the_model_is_sound(steps: list[Event | str | bool]) -> None:
    model = a_model("bob", "carol")
    for step in steps:
        if isinstance(step, bool):
            model.focused = step
        elif isinstance(step, str):
            model.look_at(step)
            model.here.read()
        else:
            intake.apply(model, step, 0.0)
        check(model)


@given(st.lists(st.tuples(MINUTES, MSGIDS), max_size=30))
def test_history_falls_into_its_place(messages: list[tuple[int, str]]) -> None:
    lobby = Conversation("#lobby", "channel")
    for minute, msgid in messages:
        lobby.insert(entry_of(said("x", minute, msgid=msgid)))
    times = [entry.time for entry in lobby.entries]
    assert times == sorted(times)


def test_what_another_device_read_is_read_here() -> None:
    """IRCv3 read-marker: a marker set elsewhere counts here."""
    model = a_model("bob")
    model.look_at("carol")
    for minute in range(3):
        intake.apply(model, said("alice: hi", minute), 0.0)
    lobby = model.open("#lobby")
    assert (lobby.unread, lobby.mentions) == (3, 3)
    until = START + timedelta(minutes=1)
    intake.apply(model, events.Marked(time=START, conversation="#lobby", until=until), 0.0)
    assert (lobby.unread, lobby.mentions) == (1, 1)
    model.look_at("#lobby")
    assert lobby.unread_from == lobby.entries[-1].number


def test_the_next_one_is_where_one_is_wanted() -> None:
    model = a_model("bob")
    intake.apply(model, said("news", 1, conversation="#old"), 0.0)
    intake.apply(model, said("alice: look", 2, conversation="#dev"), 0.0)
    model.open("#noise").muted = True
    intake.apply(model, said("noise", 0, conversation="#noise"), 0.0)
    following = model.next_active()
    assert following is not None
    assert following.name == "#dev"
    following.read()
    following = model.next_active()
    assert following is not None
    assert following.name == "#old"
    following.read()
    assert model.next_active() is None


def test_who_spoke_last_is_completed_first() -> None:
    model = a_model("bob", "carol", "Dave")
    for minute, nick in enumerate(("Dave", "carol")):
        intake.apply(model, said("x", minute, nick), 0.0)
    assert model.nicks(model.here) == ["carol", "Dave", "bob"]


def test_an_echo_takes_the_place_of_what_waited() -> None:
    model = a_model("bob")
    entry = model.waiting(model.here, "hello", START)
    assert [one.text for one in model.here.shown] == ["hello"]
    intake.apply(model, said("hello", 1, "alice", own=True, msgid="a"), 0.0)
    assert [one.msgid for one in model.here.shown] == ["a"]
    model.settled(model.here, entry)
    assert [one.msgid for one in model.here.shown] == ["a"]


def test_an_invitation_of_ones_own_is_a_sentence() -> None:
    """Modern IRC: RPL_INVITING (341) has the nick and the channel."""
    model = a_model("bob")
    intake.apply(model, events.Reply(time=START, code="341", params=("bob", "#dev")), 0.0)
    assert model.here.entries[-1].text == "You invited bob to #dev"


def test_what_the_server_answers_is_one_entry() -> None:
    """Modern IRC: WHOIS is answered by several numerics, and an end that says nothing."""
    model = a_model("bob")
    for code, *params in (
        ("311", "bob", "bob", "host", "*", "Bob the Builder"),
        ("319", "bob", "#lobby @#dev"),
        ("318", "bob", "End of WHOIS list"),
    ):
        intake.apply(model, events.Reply(time=START, code=code, params=tuple(params)), 0.0)
    assert [one.text for one in model.here.entries] == [
        "bob is Bob the Builder\nbob is in #lobby @#dev"
    ]
