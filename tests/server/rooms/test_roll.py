"""The roll: kept lines of names are what writing them anew would give."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from securechat.protocol.replies import in_lines
from securechat.server.rooms.roll import Roll

WIDTHS = (12, 40)
names = st.text("abcdé", min_size=1, max_size=9)


def entry(user: str, several: bool, whole: bool) -> str:
    return f"{'@+' if several else '@'}{user}{'!~u@host' if whole else ''}"


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("enter"), names),
            st.tuples(st.just("leave"), names),
            st.tuples(st.just("ask"), st.booleans(), st.booleans(), st.sampled_from(WIDTHS)),
        ),
        max_size=40,
    )
)
def test_what_is_kept_is_what_is_true(steps: list[tuple[object, ...]]) -> None:
    roll = Roll()
    present: dict[str, None] = {}
    for step in [*steps, ("ask", True, False, 40)]:
        if step[0] == "enter" and step[1] not in present:
            present[str(step[1])] = None
            roll.add(str(step[1]), entry)
        elif step[0] == "leave" and step[1] in present:
            del present[str(step[1])]
            roll.forget()
        elif step[0] == "ask":
            several, whole, width = bool(step[1]), bool(step[2]), int(str(step[3]))
            lines = roll.lines(present, entry, several=several, whole=whole, width=width)
            assert lines == in_lines((entry(one, several, whole) for one in present), width)
