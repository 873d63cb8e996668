"""Themes: contrast as WCAG 2.2 asks (1.4.3), fewer colours, none, and files of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import urwid

from securechat.client.tui import themes
from securechat.client.tui.capable import background_in, color_count, is_dark, theme_name
from securechat.client.tui.colors import SIXTEEN, TWO_FIFTY_SIX, contrast, nearest256, rgb
from securechat.client.tui.themes import (
    DIM_RATIO,
    NICKS,
    ROLES,
    TEXT_RATIO,
    TRUE_COLORS,
    ThemeError,
    load,
    names,
    nick_color,
    nick_role,
    parse,
    unreadable,
)
from securechat.errors import ConfigError

OURS = ["contrast", "dark", "light", "midnight", "paper"]
DARK = Path(themes.__file__).parent.joinpath("themes", "dark.toml").read_text(encoding="utf-8")


def test_the_contrast_is_that_of_the_wcag() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast(rgb("#777777"), rgb("#ffffff")) == pytest.approx(4.48, abs=0.01)
    assert contrast(rgb("#767676"), rgb("#ffffff")) == pytest.approx(4.54, abs=0.01)


def test_our_themes_are_in_the_package() -> None:
    assert names() == OURS


@pytest.mark.parametrize("name", OURS)
def test_every_role_can_be_read_wherever_it_lies(name: str) -> None:
    theme = load(name)
    assert unreadable(theme) == []
    for role, surface, ratio in (
        ("text", "selected", TEXT_RATIO),
        ("text", "mention", TEXT_RATIO),
        ("time", "popup.current", DIM_RATIO),
        ("badge.mention", "panel", TEXT_RATIO),
        ("chip.own", "log", TEXT_RATIO),
    ):
        foreground, background = theme.look(role, surface, TRUE_COLORS)
        assert contrast(rgb(foreground.split(",")[0]), rgb(background)) >= ratio


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("colors", [16, 256])
def test_with_fewer_colours_everything_can_still_be_read(name: str, colors: int) -> None:
    theme = load(name)
    values = {16: SIXTEEN, 256: TWO_FIFTY_SIX}[colors]
    for role, how in ROLES.items():
        least = {"line": 1.0, "dim": DIM_RATIO}.get(how.ink, TEXT_RATIO)
        for surface in theme.surfaces:
            foreground, background = theme.look(role, surface, colors)
            ink = values[foreground.split(",")[0]]
            assert contrast(ink, values[background]) >= least, (role, surface)


@pytest.mark.parametrize("colors", [1, 16, 256, TRUE_COLORS])
def test_urwid_takes_every_look(colors: int) -> None:
    theme = load("dark")
    for role in ROLES:
        for surface in theme.surfaces:
            look = theme.look(role, surface, colors)
            spec = urwid.AttrSpec(*look, colors)  # type: ignore[arg-type]  # any count
            assert spec.foreground


def test_urwid_takes_the_palette() -> None:
    rows = load("light").entries()
    assert len({row[0] for row in rows}) == len(rows)
    screen = urwid.display.raw.Screen()
    screen.register_palette(rows)


def test_without_colours_what_is_chosen_and_what_leads_somewhere_can_be_told() -> None:
    theme = load("dark")
    assert theme.look("text", "log", 1) == ("default", "default")
    assert theme.look("text", "selected", 1) == ("standout", "default")
    assert theme.look("link", "log", 1) == ("underline", "default")


def test_a_calm_colour_stays_a_colour_among_sixteen() -> None:
    theme = load("dark")
    found = {theme.look(f"nick.{n}", "log", 16)[0] for n in range(NICKS)}
    assert len(found) >= 5
    assert "white,bold" not in found


def test_the_nearest_of_the_cube_is_found() -> None:
    assert nearest256((0x5F, 0x87, 0xAF)) == "h67"
    assert nearest256((9, 9, 9)) == "h232"


def test_a_name_has_the_same_colour_in_any_case_and_the_palette_is_used() -> None:
    theme = load("dark")
    assert nick_color("Alice", theme) == nick_color("aLICE", theme)
    assert nick_role("alice") == "nick.7"  # crc32: the same on every machine and in every year
    assert len({nick_role(f"user{n}") for n in range(500)}) == NICKS


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('kind = "dark"', 'kind = "grey"', 'must say kind = "dark" or kind = "light"'),
        ('kind = "dark"', 'kind = "dark', "is not TOML"),
        ('kind = "dark"', 'kind = "dark"\nkid = 1', "has 'kid'"),
        ("nicks = [", 'nicks = ["#ffffff",', "a list nicks of 16"),
        ('text = "#', 'text = "', "is not a colour like #1b2d3e"),
        ('dim = "', 'dimm = "', "lacks 'dim' in its table colors"),
        ("[colors]", '[colors]\nink = "#000000"', "has 'ink' in colors"),
        ('log = "#1a1d23"', 'log = "#a0a0a0"', "has a contrast of"),
        ("[colors]", '[roles]\nlink = "nothing"\n[colors]', "names nothing known"),
        ("[colors]", '[fallback16]\n"#ffffff" = "pink"\n[colors]', "no colour of urwid's"),
    ],
)
def test_a_mistake_in_a_theme_is_one_sentence(old: str, new: str, words: str) -> None:
    assert old in DARK
    with pytest.raises(ThemeError) as wrong:
        parse("mine", DARK.replace(old, new, 1))
    assert words in str(wrong.value)
    assert "mine" in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_a_theme_of_ones_own_wins_and_can_change_a_role(tmp_path: Path) -> None:
    own = DARK + '\n[roles]\nlink = "good"\n[fallback256]\n"#d3d6dd" = "h231"\n'
    (tmp_path / "mine.toml").write_text(own, encoding="utf-8")
    theme = load("mine", tmp_path)
    assert theme.look("link", "log", TRUE_COLORS)[0] == f"{theme.inks['good']},underline"
    assert theme.look("text", "log", 256)[0] == "h231"
    assert "mine" in names(tmp_path)


@pytest.mark.parametrize("name", ["../secret", "Dark", "", "no-such-theme"])
def test_a_theme_that_is_not_there_gets_a_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(ThemeError):
        load(name, tmp_path)


@pytest.mark.parametrize(
    ("reply", "color"),
    [
        (b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\", (255, 255, 255)),
        (b"x\x1b]11;rgb:1e1e/2020/00ff\x07y", (30, 32, 1)),
        (b"\x1b]11;rgb:f/0/8\x07", (255, 0, 136)),
        (b"\x1b]11;rgba:0000/0000/0000/ffff\x07", (0, 0, 0)),
        (b"\x1b]11;#102030\x07", (16, 32, 48)),
        (b"\x1b]11;?\x07", None),
        (b"", None),
    ],
)
def test_the_answer_of_a_terminal_is_read(reply: bytes, color: tuple[int, int, int] | None) -> None:
    assert background_in(reply) == color


@pytest.mark.parametrize(
    ("env", "reply", "dark"),
    [
        ({}, b"", True),
        ({"COLORFGBG": "0;15"}, b"", False),
        ({"COLORFGBG": "15;default;0"}, b"", True),
        ({"COLORFGBG": "15;default"}, b"", True),
        ({"COLORFGBG": "15;0"}, b"\x1b]11;rgb:ffff/ffff/eeee\x07", False),
    ],
)
def test_dark_or_light_is_found_out(env: dict[str, str], reply: bytes, dark: bool) -> None:
    assert is_dark(env, reply) is dark
    assert theme_name("auto", env, reply) == ("dark" if dark else "light")
    assert theme_name("paper", env, reply) == "paper"


@pytest.mark.parametrize(
    ("env", "setting", "count"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "auto", TRUE_COLORS),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, "auto", 1),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, "auto", 256),
        ({"TERM": "tmux-256color"}, "auto", 256),
        ({"TERM": "xterm-kitty"}, "auto", TRUE_COLORS),
        ({"TERM": "xterm"}, "auto", 16),
        ({"TERM": "dumb"}, "auto", 1),
        ({"TERM": "xterm", "NO_COLOR": "1"}, "256", 256),
        ({"TERM": "xterm-256color"}, "none", 1),
    ],
)
def test_colours_are_counted(env: dict[str, str], setting: str, count: int) -> None:
    assert color_count(env, setting) == count


def test_an_unknown_number_of_colours_gets_a_sentence() -> None:
    with pytest.raises(ConfigError, match="choose among auto, none, 16"):
        color_count({}, "512")


def test_a_theme_on_a_base_says_only_what_is_otherwise(tmp_path: Path) -> None:
    """The example of docs/fullscreen.md, as it stands there."""
    page = (Path(__file__).parents[3] / "docs" / "fullscreen.md").read_text(encoding="utf-8")
    example = page.split("```toml\n")[1].split("```")[0]
    (tmp_path / "sea.toml").write_text(example, encoding="utf-8")
    sea, dark = load("sea", tmp_path), load("dark")
    assert sea.surfaces == {**dark.surfaces, "log": "#0d1a20", "panel": "#0a1418"}
    assert sea.inks == {**dark.inks, "accent": "#7fd6d0", "strong": "#f2fbff"}
    assert sea.roles["link"].ink == "good"
    assert "sea" in names(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'base = "sea"', "base 'sea': it must be one of contrast"),
        (b'base = "dark"\nkind = "grey"', "must say kind"),
        (b'base = "dark"\ncolors = 3', "must have a table colors"),
        (b'base = "dark"\n[colors]\ntext = "#202020"', "to be read"),
        (b"base =", "is not TOML"),
        (b"\xff", "is not text in UTF-8"),
    ],
)
def test_a_mistake_in_a_file_names_the_file(text: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(text)
    with pytest.raises(ThemeError) as wrong:
        load("mine", tmp_path)
    assert words in str(wrong.value)
    assert str(wrong.value).startswith(str(path))
    assert str(wrong.value).endswith(".")


def test_auto_is_no_file_and_a_missing_folder_is_none(tmp_path: Path) -> None:
    (tmp_path / "auto.toml").touch()
    (tmp_path / "mine.toml").mkdir()
    assert "auto" not in names(tmp_path)
    assert names(tmp_path / "nowhere") == OURS
    with pytest.raises(ThemeError, match="There is no theme"):
        load("mine", tmp_path)
