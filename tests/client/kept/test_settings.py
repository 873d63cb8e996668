"""``client.toml``: what it may say, the sentence where it says something else, and changing it.

docs/client.md, "The settings file".
"""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from securechat.client import files
from securechat.client.kept.settings import Interface, Profile, load_settings
from securechat.client.kept.settings_file import (
    forget_profile,
    remember_profile,
    save_interface,
    suggest_name,
)
from securechat.errors import ConfigError, UserError

EVERYTHING = """\
# mine
default_profile = "work"
tokens = false

[profiles.work]
host = "Chat.Example.org"  # the old one is down
port = 7000
account = "alice"
ca = "/etc/ca.pem"
channels = ["#ops", "#lobby"]

[profiles.home]
host = "::1"
account = "bob"

[interface]
theme = "dark"
notifications = false
bell = false
typing = false
mouse = false
time_format = "%H:%M:%S"
sidebar = false
member_list = "never"
colors = "24bit"
mute = ["#noise"]
favourites = ["#ops"]
highlights = ["deploy", "fire"]

[keys]
quit = ["ctrl q", "f10"]
help = "f2"
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "config" / "client.toml"
    monkeypatch.setenv("SECURECHAT_CLIENT_CONFIG", str(place))
    return place


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_without_a_file_everything_has_its_default(path: Path) -> None:
    settings = load_settings()
    assert settings.path == path
    assert settings.interface == Interface()
    assert settings.tokens
    assert (settings.profiles, settings.keys) == ({}, {})
    assert settings.profile() is None


def test_everything_that_a_file_can_say(path: Path) -> None:
    write(path, EVERYTHING)
    settings = load_settings()
    work = Profile(
        "work", "chat.example.org", "alice", 7000, Path("/etc/ca.pem"), ("#ops", "#lobby")
    )
    assert settings.profile() == work
    assert settings.profile("home") == Profile("home", "::1", "bob")
    assert not settings.tokens
    assert settings.interface == Interface(
        "dark", False, False, False, False, "%H:%M:%S", False, "never", "24bit", ("#noise",),
        ("#ops",), ("deploy", "fire"),
    )  # fmt: skip
    assert settings.keys == {"quit": ("ctrl q", "f10"), "help": ("f2",)}


def test_a_single_profile_needs_no_default(path: Path) -> None:
    write(path, '[profiles.x]\nhost = "h"\naccount = "a"\n')
    assert load_settings().profile() == Profile("x", "h", "a")
    with pytest.raises(ConfigError, match=r"no profile 'y' in .*client.toml: there is x"):
        load_settings().profile("y")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a = ", "is not TOML: .* at line 1"),
        ("[interface]\na = 1\na = 2", "is not TOML: "),
        ("interface = 3", "interface must be a table: lines after \\[interface\\]"),
        ("[profiles]\nwork = 1", "profiles.work must be a table"),
        ('[interface]\nthemes = "x"', "interface.themes is no setting; did you mean theme?"),
        ("[intrface]", "intrface is no setting; did you mean interface?"),
        ("[interface]\nqqq = 1", "interface.qqq is no setting; there is theme, notifications,"),
        ('[interface]\nbell = "yes"', "interface.bell must be true or false"),
        ("[interface]\ntheme = 3", "interface.theme must be a text that is not empty"),
        ('[interface]\ncolors = "8"', 'interface.colors must be "auto" or "16" or "256"'),
        ("[interface]\ncolors = 16", 'interface.colors must be "auto" or "16"'),
        ('[interface]\nmember_list = ""', "interface.member_list must be"),
        ('[interface]\ntime_format = "%n"', "interface.time_format must be a format of strftime"),
        ('[interface]\ntime_format = ""', "interface.time_format must be"),
        ('[interface]\nmute = "#a"', "interface.mute must be a list of texts"),
        ('[interface]\nmute = [""]', "interface.mute must be a list of texts"),
        ("[keys]\nquit = 3", "keys.quit must be a list of texts"),
        ('[profiles.w]\naccount = "a"', "the profile w needs a line host = "),
        ('[profiles.w]\nhost = "h"', "the profile w needs a line account = "),
        ('[profiles.w]\nhost = "a b"', "profiles.w.host must be a host name or an IP address"),
        ('[profiles.w]\nhost = "h"\nport = true', "profiles.w.port must be a number from 1 to"),
        ('[profiles.w]\nhost = "h"\nport = 0', "profiles.w.port must be a number from 1 to 65535"),
        ('[profiles.w]\naccount = "a@b"', "profiles.w.account must be the name of an account"),
        ('[profiles.w]\nchannels = ["ops"]', "profiles.w.channels must be a list of channels"),
        ('[profiles.w]\nchannels = "#ops"', "profiles.w.channels must be a list of channels"),
        ("[profiles.w]\nca = 1", "profiles.w.ca must be a text"),
        ('default_profile = "x"', "default_profile must be the name of a profile of this file"),
        ("tokens = 1", "tokens must be true or false"),
    ],
)
def test_what_cannot_be_is_one_sentence(path: Path, text: str, sentence: str) -> None:
    """It names the file, the key and what is allowed."""
    write(path, text)
    with pytest.raises(ConfigError, match=sentence) as refused:
        load_settings()
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_cannot_be_read(path: Path) -> None:
    path.parent.mkdir()
    path.mkdir()
    with pytest.raises(UserError, match=r"client\.toml cannot be read: is a directory\."):
        load_settings()
    path.rmdir()
    path.write_bytes(b"\xff")
    with pytest.raises(UserError, match="is not text in UTF-8"):
        load_settings()


# --- changing it -------------------------------------------------------------------------------


def test_a_first_profile_makes_the_file_for_its_owner_alone(path: Path) -> None:
    remember_profile(Profile("work", "chat.example", "alice", ca=Path("/x y/ca.pem")))
    assert path.read_text() == (
        'default_profile = "work"\n\n'
        '[profiles.work]\nhost = "chat.example"\naccount = "alice"\nca = "/x y/ca.pem"\n'
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_settings().profile() == Profile(
        "work", "chat.example", "alice", ca=Path("/x y/ca.pem")
    )


def test_what_a_person_wrote_stays(path: Path) -> None:
    write(path, EVERYTHING)
    path.chmod(0o640)
    remember_profile(Profile("third.one", "10.0.0.1", "carol", 7001, channels=("#a",)))
    remember_profile(Profile("work", "new.example", "alice"), default=True)
    save_interface(theme="light", mute=("#noise", "#b"), mouse=True)
    text = path.read_text()
    assert text.startswith("# mine\n")
    assert 'host = "new.example"  # the old one is down' in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    settings = load_settings()
    assert settings.profile() == Profile("work", "new.example", "alice")
    assert settings.profile("third.one") == Profile(
        "third.one", "10.0.0.1", "carol", 7001, None, ("#a",)
    )
    assert settings.interface.theme == "light"
    assert settings.interface.mute == ("#noise", "#b")
    assert settings.keys == {"quit": ("ctrl q", "f10"), "help": ("f2",)}


def test_forgetting_a_profile(path: Path) -> None:
    write(path, EVERYTHING)
    assert forget_profile("work")
    assert not forget_profile("work")
    assert list(load_settings().profiles) == ["home"]
    assert load_settings().default_profile == ""


def test_a_link_to_the_file_stays_a_link(path: Path, tmp_path: Path) -> None:
    """People keep such files among others, under version control, and link to them."""
    path.parent.mkdir()
    kept = tmp_path / "dotfiles.toml"
    kept.write_text(EVERYTHING)
    path.symlink_to(kept)
    save_interface(theme="light")
    assert path.is_symlink()
    assert 'theme = "light"' in kept.read_text()


def test_a_change_that_cannot_be_is_not_written(path: Path) -> None:
    write(path, EVERYTHING)
    with pytest.raises(ConfigError, match=r"interface\.colors must be"):
        save_interface(colors="8")
    with pytest.raises(ConfigError, match="cannot be a profile's name"):
        remember_profile(Profile("a b", "h", "a"))
    assert path.read_text() == EVERYTHING
    write(path, "broken = 1")
    with pytest.raises(ConfigError, match="broken is no setting"):
        save_interface(colors="16")
    assert path.read_text() == "broken = 1"


def test_a_folder_that_cannot_be_written(path: Path) -> None:
    path.parent.write_text("a file is in the way")
    with pytest.raises(UserError, match="config cannot be used: file exists"):
        save_interface(colors="16")
    path.parent.unlink()
    path.mkdir(parents=True)
    with pytest.raises(UserError, match="cannot be written: is a directory"):
        files.write_text(path, "x")
    assert list(path.parent.iterdir()) == [path]


def test_names_for_new_profiles(path: Path) -> None:
    settings = load_settings()
    assert suggest_name(settings, "chat.example.org") == "chat"
    assert suggest_name(settings, "10.0.0.1") == "home"
    assert suggest_name(settings, "::1") == "home"
    write(path, EVERYTHING)
    assert suggest_name(load_settings(), "10.0.0.1") == "home2"


def test_where_the_files_are() -> None:
    """The XDG Base Directory Specification, by way of platformdirs."""
    assert files.settings_path({}).name == "client.toml"
    assert files.known_servers_path({}).parent == files.settings_path({}).parent
    moved = {"SECURECHAT_CLIENT_CONFIG": "/somewhere/other.toml"}
    assert files.settings_path(moved) == Path("/somewhere/other.toml")
    assert files.known_servers_path(moved) == Path("/somewhere/known_servers")
