"""Rooms: who is present, and whose outbox gets what in which shape."""

from __future__ import annotations

from typing import Any, cast

from securechat.server.rooms.room import Member, Room, User, member_key
from securechat.store.credentials.accounts import MEMBER


class FakeSession:
    """As much of a session as a room looks at."""

    def __init__(self, shape: int) -> None:
        self.shape = shape


def session(shape: int) -> Any:
    return cast("Any", FakeSession(shape))


def user(key: str, *sessions: Any) -> User:
    return User(
        name=key.title(),
        key=key,
        account_id=f"id of {key}",
        account_since_ms=1,
        username=f"~{key}",
        realname="",
        host="securechat.internal",
        account_role=MEMBER,
        signed_on_ms=2,
        sessions=dict.fromkeys(sessions),
    )


def test_entering_and_leaving_twice_is_once() -> None:
    one, two = session(1), session(2)
    alice, room = user("alice", one, two), Room("#X", "#x", 0)
    for _ in range(2):
        room.enter(alice)
        assert room.present == {"alice": alice}
        assert alice.rooms == {"#x": room}
        assert list(room.sessions()) == [one, two]
    for _ in range(2):
        room.leave(alice)
        assert not room.present
        assert not alice.rooms
        assert not room.by_shape


def test_sessions_are_kept_by_shape_and_empty_shapes_are_not() -> None:
    one, two, three = session(1), session(1), session(2)
    room = Room("#X", "#x", 0)
    for each in (one, two, three):
        room.attach(each)
    assert room.by_shape == {1: {one: None, two: None}, 2: {three: None}}
    room.detach(three)
    room.detach(three)
    room.detach(one)
    assert room.by_shape == {1: {two: None}}


def test_what_records_keep_reads_back() -> None:
    room = Room("#X", "#x", 5, "a topic", "alice", 7)
    assert Room.from_value("#x", cast("Any", room.to_value())).to_value() == room.to_value()
    member = Member("Alice", "id", 3, "o")
    assert Member.from_value(member.to_value()) == member
    assert member_key("#x", "alice") == "#x alice"


def test_an_operator_has_a_sign_and_nobody_else() -> None:
    room = Room("#X", "#x", 0, members={"a": Member("A", "1", 0, "o"), "b": Member("B", "2", 0)})
    assert [room.prefix_of(key) for key in ("a", "b", "c")] == ["@", "", ""]


def test_a_source_is_nick_user_and_host() -> None:
    assert user("alice").source == "Alice!~alice@securechat.internal"
