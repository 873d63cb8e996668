"""The server's settings: where they are declared, looked for, and shown.

``table`` is the one table of them, of rows that ``setting`` describes. ``loading`` finds their
values, and ``command_line`` makes flags of them.
"""

from securechat.config.command_line import click_options, print_config
from securechat.config.loading import load_settings
from securechat.config.table import SERVER_NAME_LENGTH_MAX, SETTINGS, Settings, limit

__all__ = [
    "SERVER_NAME_LENGTH_MAX",
    "SETTINGS",
    "Settings",
    "click_options",
    "limit",
    "load_settings",
    "print_config",
]
