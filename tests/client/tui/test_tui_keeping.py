"""What is set while the program runs holds for the next start too (UI.md, issue 5)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from support.tui import Open
from trio.testing import MockClock

from securechat.client.kept.settings import load_settings
from securechat.client.kept.settings_file import save_interface
from securechat.client.tui.options import options_of
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
