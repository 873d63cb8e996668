"""The whole screen at all sizes, in all themes and with as many colours as terminals have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.tui import START, a_model, a_view, filled, harmless, rendered, said, utf8

from securechat.client import events
from securechat.client.tui import intake
from securechat.client.tui.choosing import emoji
from securechat.client.tui.completion import Cycle, Sources, complete
from securechat.client.tui.helpscreen import HelpView
from securechat.client.tui.inputline import PROMPT, completions
from securechat.client.tui.keys import DEFAULT
from securechat.client.tui.model import Model
from securechat.client.tui.overlays import Question
from securechat.client.tui.searchview import SearchView
from securechat.client.tui.switcher import score, switcher
from securechat.client.tui.text import width
from securechat.client.tui.themes import names

SIZES = [(10, 3), (1, 1), (2, 2), (20, 6), (40, 12), (60, 20), (80, 24), (120, 40), (200, 60)]


@pytest.fixture(autouse=True)
def _utf8() -> Iterator[None]:
    with utf8():
        yield


def busy() -> Model:
    model = a_model("bob", "carol", "日本語さん", "x" * 32)
    lobby = model.here
    lobby.topic = "Good news \x1b[31mred\x07 and 日本語 👩‍🚀 " * 5
    filled(lobby, 60)
    intake.apply(model, said("alice: \x1b]2;evil\x07 \u202e look", 70, msgid="evil"), 0)
    intake.apply(model, said("hello", 71, "carol", conversation="carol"), 0)
    intake.apply(model, said("news", 72, "dave", conversation="#a-channel-with-a-long-name"), 0)
    model.waiting(lobby, "on its way", START)
    return model


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_every_size_has_its_screen(columns: int, rows: int) -> None:
    model = busy()
    for member_list in ("auto", "always", "never"):
        view = a_view(model, member_list=member_list)
        for line in rendered(view, columns, rows):
            assert harmless(line), line
        view.input.editor(view.model.here).insert("a long line " * 30)
        rendered(view, columns, rows)
        view.log.select(view.model.here, 0)
        rendered(view, columns, rows)


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_whatever_lies_over_the_screen_fits(columns: int, rows: int) -> None:
    model = busy()
    view = a_view(model)

    def nothing(*_: object) -> None:
        return None

    search = SearchView(nothing, nothing, nothing, lambda: START)
    search.ask("words")
    search.found("words", [said("a hit \x1b[0m" * 9, n) for n in range(30)])
    from securechat.client.tui.draw import Span

    for overlay in (
        switcher(view.model, nothing, nothing),
        HelpView(DEFAULT, nothing),
        emoji("React with", nothing, nothing),
        search,
        Question("Paste 3 lines?", [Span("a\nb\nc")], [("enter", "yes", nothing)], nothing),
    ):
        view.overlay = overlay
        for key in ("down", "page down", "x"):
            overlay.key(key)
            rendered(view, columns, rows)


@pytest.mark.parametrize("theme", names())
@pytest.mark.parametrize("colors", [1, 16, 256, 2**24])
def test_every_theme_draws_in_all_colours(theme: str, colors: int) -> None:
    """A role or a surface that a theme does not have would be a KeyError here."""
    model = busy()
    view = a_view(model, theme=theme, colors=colors)
    rendered(view, 120, 40)
    view.overlay = HelpView(DEFAULT, lambda: None)
    rendered(view, 120, 40)
    view.overlay = None
    view.model.connection.up = False
    view.model.connection.reason = "gone"
    view.model.connection.retry_at = 5.0
    assert any("again in 5 s" in line for line in rendered(view, 120, 40))


def test_panels_fold_away() -> None:
    """Issue: below 60 columns no list of conversations, below 100 no members."""
    view = a_view(a_model("bob"))
    assert any("Members" in line for line in rendered(view, 100, 24))
    assert not any("Members" in line for line in rendered(view, 99, 24))
    assert any("Channels" in line for line in rendered(view, 60, 24))
    assert not any("Channels" in line for line in rendered(view, 59, 24))


def test_badges_tell_mentions_from_the_rest() -> None:
    model = a_model("bob")
    intake.apply(model, said("hi all", conversation="#dev"), 0)
    intake.apply(model, said("Alice: look", 1, conversation="#ops"), 0)
    view = a_view(model)
    lines = rendered(view, 80, 24)
    [dev] = [line for line in lines if line[:18].strip().startswith("# dev")]
    assert dev[:18].rstrip().endswith("1")
    assert (model.unread, model.urgent) == (2, 1)
    [ops] = [row for row in view.sidebar.block(model, 18, 24).rows if "ops" in str(row)]
    assert any(span.role == "badge.mention" for span in ops.spans)
    assert not any(
        "badge.mention" in str(row) for row in view.sidebar.block(model, 18, 24).rows[:5]
    )


def test_a_mention_is_lit_up() -> None:
    model = a_model("bob")
    intake.apply(model, said("Alice: look"), 0)
    assert model.here.entries[0].mention
    intake.apply(model, said("malice and alice-in-chains", 1), 0)
    assert not model.here.entries[1].mention


def test_typing_is_told_and_ends() -> None:
    """IRCv3 typing: active holds for 6 seconds."""
    model = a_model("bob", "carol")
    for nick in ("bob", "carol"):
        intake.apply(
            model, events.Typing(time=START, conversation="#lobby", nick=nick, state="active"), 0.0
        )
    view = a_view(model)
    assert any("bob and carol are typing…" in line for line in rendered(view, 80, 24))
    edited = events.Edited(
        time=START, conversation="#lobby", msgid="unknown", text="better", sender="Bob"
    )
    intake.apply(model, edited, 1.0)
    assert model.typists(model.here, 1.0) == ["carol"]
    assert model.typists(model.here, 6.1) == []


@pytest.mark.parametrize(
    ("query", "better", "worse"),
    [
        ("rel", "#release", "#world-rel"),
        ("ops", "#ops", "#devops"),
        ("rp", "#release-planning", "#x-rqqp"),
    ],
)
def test_the_switcher_ranks(query: str, better: str, worse: str) -> None:
    first, second = score(query, better), score(query, worse)
    assert first is not None
    assert second is not None
    assert first < second
    assert score("zzz", better) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.integers(1, 220), st.integers(1, 70), st.text(max_size=80))
def test_any_size_and_any_draft(columns: int, rows: int, draft: str) -> None:
    model = a_model("bob")
    filled(model.here, 20)
    view = a_view(model)
    view.input.editor(model.here).insert(draft)
    rendered(view, columns, rows)


def test_the_draft_of_another_conversation_is_marked() -> None:
    model = a_model("bob")
    model.open("#dev").draft = True
    view = a_view(model)
    assert any("✎" in line[:18] for line in rendered(view, 80, 24))


def test_the_day_goes_on() -> None:
    model = a_model("bob")
    filled(model.here, 1)
    view = a_view(model)
    assert any("Today" in line for line in rendered(view, 80, 24))
    view._now = lambda: START + timedelta(days=1, hours=3)
    assert any("Yesterday" in line for line in rendered(view, 80, 24))


@pytest.mark.parametrize("colors", [1, 16, 256])
@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_what_lies_on_top_has_a_frame_where_its_ground_does_not_show(
    columns: int, rows: int, colors: int
) -> None:
    """Sixteen colours and none (NO_COLOR) have one ground for the log and what is over it."""
    view = a_view(a_model("bob"), colors=colors)
    view.overlay = switcher(view.model, lambda _: None, lambda: None)
    lines = rendered(view, columns, rows)
    if (columns, rows) in {(40, 12), (80, 24), (200, 60)}:
        assert any("┌──" in line and "──┐" in line for line in lines) == (colors <= 16)
        assert not any("…│" in line or "… │" in line for line in lines)


@pytest.mark.parametrize("columns", [30, 60, 80, 160])
def test_a_completion_never_loses_what_would_be_typed(columns: int) -> None:
    rows = completions([("/msg", "NAME TEXT  say something " * 5), ("/notice", "")], 0, columns, 8)
    texts = ["".join(span.text for span in row.spans) for row in rows.rows]
    assert all(name in text for name, text in zip(("/msg", "/notice"), texts, strict=True))


def test_the_help_finds_keys_and_commands_by_their_words() -> None:
    view = a_view(a_model("bob"))
    view.overlay = HelpView(DEFAULT, lambda: None)
    for key in "emoji":
        view.overlay.key(key)
    lines = "\n".join(rendered(view, 80, 24))
    assert "Alt-E" in lines
    assert "/react" in lines
    assert "Ctrl-K" not in lines
    for key in ("backspace", "q", "#"):
        view.overlay.key(key)
    assert "Nothing fits." in "\n".join(rendered(view, 80, 24))
    view.overlay.key("ctrl u")
    assert "Ctrl-K" in "\n".join(rendered(view, 80, 24))


def test_the_way_down_is_told_and_covers_no_message() -> None:
    """What people expect: "N new ↓"; a message that is chosen while one reads is in sight."""
    model = a_model("bob")
    filled(model.here, 60)
    view = a_view(model)
    rendered(view, 80, 24)
    view.log.page(model.here, -1)
    model.at_bottom = False  # as the app notes after drawing
    intake.apply(model, said("fresh", 90), 0)
    assert any("new ↓  Ctrl-End" in line for line in rendered(view, 80, 24))
    entry = view.log.select(model.here, 0)
    assert entry is not None
    assert any(entry.text in line for line in rendered(view, 80, 24))


def test_a_narrow_banner_says_what_went_wrong_rather_than_where() -> None:
    view = a_view(a_model("bob"))
    view.model.connection.up = False
    view.model.connection.reason = "Cannot reach chat.example.org port 6697: connection refused"
    view.model.connection.retry_at = 5.0
    assert any("Not connected: connection refused" in line for line in rendered(view, 80, 24))
    assert any("Cannot reach chat.example.org" in line for line in rendered(view, 160, 24))


@pytest.mark.parametrize(("columns", "rows"), SIZES)
@pytest.mark.parametrize("colors", [16, 2**24])
def test_completions_fit_above_the_input(columns: int, rows: int, colors: int) -> None:
    """With sixteen colours the ground of a pop-up is that of the log: it has a frame."""
    view = a_view(a_model("bob"), colors=colors)
    editor = view.input.editor(view.model.here)
    editor.insert("/s")
    found = complete(editor.text, editor.cursor, Sources())
    assert found is not None
    view.cycle = Cycle(editor.text, found)
    lines = rendered(view, columns, rows)
    if rows >= 6:
        assert any(f"{PROMPT}/s" in line for line in lines)
    if columns >= 60:
        below = next(n for n, line in enumerate(lines) if f"{PROMPT}/s" in line)
        assert any("/search" in line for line in lines[:below])
        assert any("└──" in line for line in lines[:below]) == (colors == 16)


@given(st.text("ab [](…日", max_size=40), st.integers(1, 30))
def test_words_are_cut_between_words(text: str, columns: int) -> None:
    from securechat.client.tui.draw import cut_words

    kept = cut_words(text, columns)
    assert width(kept) <= columns
    assert kept == text or kept.endswith("…") or columns < 2


def test_a_usage_is_not_cut_within_its_brackets() -> None:
    from securechat.client.tui.draw import cut_words

    usage = "/set [NAME [VALUE]]  show or change settings"
    assert cut_words(usage, 16) == "/set…"
    assert cut_words(usage, 20) == "/set [NAME [VALUE]]…"
    assert cut_words(usage, 32) == "/set [NAME [VALUE]]  show or…"
