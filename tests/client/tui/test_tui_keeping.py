"""What is set while the program runs holds for the next start too (UI.md, issue 5)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from support.tui import Open
from trio.testing import MockClock

from securechat.client.kept.settings import load_settings
from securechat.client.kept.settings_file import save_interface
from securechat.client.tui.options import Options, changed, options_of, shown
from securechat.errors import ConfigError


async def test_what_is_set_is_there_at_the_next_start(person: Open, tmp_path: Path) -> None:
    path = tmp_path / "client.toml"
    path.write_text("[interface]\nbell = true  # my own words\n", encoding="utf-8")
    async with person(save=partial(save_interface, path=path)) as alice:
        for line in ("/theme light", "/set typing off", "/mute #lobby", "/favourite #lobby"):
            alice.types(line)
            alice.presses("enter")
        await alice.sees("a favourite now")
    settings = load_settings(path)
    assert settings.interface.theme == "light"
    assert settings.interface.typing is False
    assert settings.interface.mute == settings.interface.favourites == ("#lobby",)
    assert "# my own words" in path.read_text(encoding="utf-8")
    async with person(options=options_of(settings.interface, {})) as alice:
        shown = await alice.sees("Favourites")
        assert alice.app.here.muted, shown
        alice.types("/unmute")
        alice.presses("enter")
        await alice.sees("not muted any more")
        assert alice.app.options.mute == ()


async def test_what_is_set_right_before_leaving_is_written(person: Open, tmp_path: Path) -> None:
    path = tmp_path / "client.toml"
    async with person(save=partial(save_interface, path=path)) as alice:
        alice.types("/set bell off")
        alice.presses("enter", "ctrl q")
    assert load_settings(path).interface.bell is False


async def test_a_file_that_cannot_be_written_is_said(person: Open) -> None:
    """By the real clock: the autojump clock does not wait for the thread that writes."""

    def save(**values: object) -> None:
        raise ConfigError(f"no room for {', '.join(values)}")

    async with person((100, 30), save=save) as alice:
        alice.types("/set mouse off")
        alice.presses("enter")
        await alice.sees("This holds until you leave", "no room for mouse")
        assert alice.screen.mouse is False


async def test_wrong_settings_are_refused_with_what_is_allowed(
    autojump_clock: MockClock, person: Open
) -> None:
    saved: list[dict[str, object]] = []
    async with person((140, 30), save=lambda **values: saved.append(values)) as alice:
        for line, answer in {
            "/set mous off": "did you mean mouse?",
            "/set bell loud": "bell must be on or off",
            "/set time_format %A %d %B %Y %A %d %B": "time_format must be a format of strftime",
            "/set member_list often": "member_list must be",
            "/theme lihgt": "lihgt",
        }.items():
            alice.types(line)
            alice.presses("enter")
            await alice.sees(answer)
        alice.types("/set")
        alice.presses("enter")
        await alice.sees("/set bell on", "/set theme auto", "/set time_format %H:%M")
    assert saved == []


async def test_the_automatic_theme_follows_the_terminal_and_a_chosen_one_stays(
    autojump_clock: MockClock, person: Open
) -> None:
    async with person() as alice:
        for key, theme in (("colors light", "light"), ("colors dark", "dark")):
            alice.presses(key)
            assert alice.app.view.palette.theme.name == theme
        alice.types("/theme paper")
        alice.presses("enter", "colors light")
        assert alice.app.view.palette.theme.name == "paper"
        alice.types("/theme auto")
        alice.presses("enter")
        assert alice.app.view.palette.theme.name == "light"
        assert alice.app.editor.text == ""


async def test_theme_without_a_name_lets_one_choose(
    autojump_clock: MockClock, person: Open
) -> None:
    async with person() as alice:
        alice.types("/theme")
        alice.presses("enter")
        await alice.sees("midnight", "paper", "auto")
        alice.types("paper")
        alice.presses("enter")
        await alice.sees("theme is paper now")
        assert alice.app.view.palette.theme.name == "paper"


async def test_panels_are_as_they_were_at_the_next_start(person: Open, tmp_path: Path) -> None:
    path = tmp_path / "client.toml"
    async with person((120, 30), save=partial(save_interface, path=path)) as alice:
        await alice.sees("Channels", "Members")
        alice.presses("f6", "f7")
        await alice.until(lambda: not alice.app.view.people)
        assert "Channels" not in alice.screen.text
    interface = load_settings(path).interface
    assert (interface.sidebar, interface.member_list) == (False, "never")
    async with person((120, 30), options_of(interface, {}), partial(save_interface, path=path)) as (
        alice
    ):
        assert "Channels" not in alice.screen.text
        assert "Members" not in alice.screen.text
        alice.presses("f6", "f7")
        await alice.sees("Channels", "Members")
    assert load_settings(path).interface.member_list == "auto"
    async with person((80, 24), save=partial(save_interface, path=path)) as alice:
        alice.presses("f7")
        await alice.sees("Members")
    assert load_settings(path).interface.member_list == "always"


async def test_highlights_can_be_emptied_and_stay_so(person: Open, tmp_path: Path) -> None:
    path = tmp_path / "client.toml"
    async with person(save=partial(save_interface, path=path)) as alice:
        alice.types("/set highlights deploy fire")
        alice.presses("enter")
        await alice.sees("highlights is deploy fire now")
        assert alice.app.model.mentions("Fire!")
        alice.types("/set highlights none")
        alice.presses("enter")
        await alice.sees("highlights is none now")
        assert not alice.app.model.mentions("Fire!")
    assert load_settings(path).interface.highlights == ()
    assert "highlights = []" in path.read_text(encoding="utf-8")


@given(st.lists(st.text("abcdé#", min_size=1), max_size=4))
def test_what_set_shows_is_what_set_takes(words: list[str]) -> None:
    options = Options(highlights=tuple(words))
    assert changed(Options(), "highlights", shown(options, "highlights")) == options
    assert changed(options, "highlights", '""').highlights == ()


async def test_a_theme_of_ones_own_is_offered_and_taken(
    autojump_clock: MockClock, person: Open, tmp_path: Path
) -> None:
    (tmp_path / "sea.toml").write_text('base = "dark"\n[surfaces]\nlog = "#0d1a20"\n')
    (tmp_path / "bad.toml").write_text('base = "dark"\n[surfaces]\nlog = "blue"\n')
    async with person((200, 30), Options(theme="sea"), themes=tmp_path) as alice:
        assert alice.app.view.palette.theme.surfaces["log"] == "#0d1a20"
        alice.types("/theme")
        alice.presses("enter")
        await alice.sees("sea", "bad", "midnight")
        alice.presses("esc")
        alice.types("/theme bad")
        alice.presses("enter")
        await alice.sees("bad.toml", "'blue' is not a colour")
        assert alice.app.options.theme == alice.app.view.palette.theme.name == "sea"


async def test_a_broken_theme_is_a_sentence_and_the_default_theme(
    autojump_clock: MockClock, person: Open, tmp_path: Path
) -> None:
    (tmp_path / "sea.toml").write_text("what is this?")
    async with person((200, 30), Options(theme="sea"), themes=tmp_path) as alice:
        await alice.sees("This theme cannot be used", "is not TOML")
        assert alice.app.view.palette.theme.name == "dark"
        alice.presses("enter")
        await alice.until(lambda: "cannot be used" not in alice.screen.text)
        alice.types("hello")
        await alice.sees("hello")
