"""What follows a message when it is played."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from securechat.protocol.capabilities import (
    EVENT_PLAYBACK,
    MESSAGE_EDIT,
    MESSAGE_REDACTION,
    MESSAGE_TAGS,
)
from securechat.server.history.context_lines import (
    CONTEXT_LINES_MAX,
    REDACTED_TEXT,
    Played,
    present_reactions,
    reaction_of,
    with_context,
)
from securechat.server.sessions.removal import Removal
from securechat.store.contract import Event, Stored

ALL = MESSAGE_TAGS | EVENT_PLAYBACK | MESSAGE_EDIT | MESSAGE_REDACTION


def stored(
    msgid: str,
    kind: str = "PRIVMSG",
    text: str = "hello",
    *,
    account: str = "alice",
    parent: str = "",
    **tags: str,
) -> Stored:
    named = {f"+draft/{key}": value for key, value in tags.items()}
    event = Event(msgid, 0, kind, account, account, "#lobby", "#lobby", text, named, parent)
    return Stored(int(msgid), event)


def shown(played: list[Played]) -> list[tuple[str, list[str]]]:
    return [(item.event.msgid, [event.msgid for event in item.context]) for item in played]


MESSAGES = [stored("1"), stored("2", text=""), stored("3", "JOIN", ""), stored("4", "NOTICE")]
RELATED = [
    stored("10", "EDIT", "", parent="1"),
    stored("11", "TAGMSG", "", parent="1", react="a"),
    stored("12", "EDIT", "hello", parent="1"),
    stored("13", "TAGMSG", "", parent="2", react="a"),
    stored("14", "REDACT", Removal("PRIVMSG", "alice", "oops").to_text(), parent="2"),
    stored("15", "TAGMSG", "", parent="4", react="a"),
    stored("16", "TAGMSG", "", parent="4", react="a", account="bob"),
    stored("17", "TAGMSG", "", parent="4", unreact="a"),
    stored("18", "TAGMSG", "", parent="4"),
]


def test_each_message_is_followed_by_what_is_about_it() -> None:
    """chathistory: context messages "MUST immediately follow their parent message"."""
    played = with_context(MESSAGES, RELATED, ALL)
    assert shown(played) == [("1", ["12", "11"]), ("2", ["14"]), ("3", []), ("4", ["16"])]
    assert played[1].event.text == REDACTED_TEXT


def test_a_session_gets_what_it_knows_alone() -> None:
    assert shown(with_context(MESSAGES, RELATED, 0)) == [("1", []), ("3", []), ("4", [])]
    for enabled, expected in (
        (EVENT_PLAYBACK, [("1", ["11"]), ("3", []), ("4", ["16"])]),
        (MESSAGE_EDIT, [("1", ["12"]), ("3", []), ("4", [])]),
        (MESSAGE_REDACTION, [("1", []), ("2", ["14"]), ("3", []), ("4", [])]),
    ):
        assert shown(with_context(MESSAGES, RELATED, enabled | MESSAGE_TAGS)) == expected
        # Without tags no line can name the message that it is about.
        assert shown(with_context(MESSAGES, RELATED, enabled)) == [("1", []), ("3", []), ("4", [])]


def test_the_lines_that_follow_are_bounded() -> None:
    related = [
        stored(str(number), "TAGMSG", "", parent="1", react=str(number)) for number in range(10, 99)
    ]
    (played,) = with_context([stored("1")], related, ALL)
    assert len(played.context) == CONTEXT_LINES_MAX


def test_to_react_and_to_take_back_at_once_is_no_reaction() -> None:
    """react: the two tags "MUST NOT both be attached to a single message"."""
    assert reaction_of({"+draft/react": "a", "+draft/unreact": "b"}) is None
    assert reaction_of({"+typing": "active"}) is None
    unprefixed = reaction_of({"+unreact": "b"})
    assert unprefixed is not None
    assert unprefixed.taken_back


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.booleans())))
def test_reactions_are_a_set_for_each_person(steps: list[tuple[str, str, bool]]) -> None:
    present: set[tuple[str, str]] = set()
    events = []
    for who, value, adding in steps:
        tags = {"+draft/react" if adding else "+draft/unreact": value}
        events.append(Event("", 0, "TAGMSG", who, who, "", "", tags=tags))
        (present.add if adding else present.discard)((who, value))
    assert set(present_reactions(events)) == present


def test_a_removal_keeps_its_reason_as_it_is() -> None:
    for reason in ("", " two  spaces ", "x"):
        removal = Removal("NOTICE", "alice", reason)
        assert Removal.from_text(removal.to_text()) == removal
