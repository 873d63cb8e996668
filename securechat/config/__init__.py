"""The server's settings: where they are declared, looked for, and shown.

``table`` is the one table of them, of rows that ``setting`` describes.
"""

from securechat.config.table import (
    SERVER_NAME_LENGTH_MAX,
    SETTINGS,
    Settings,
    click_options,
    limit,
    load_settings,
    print_config,
)

__all__ = [
    "SERVER_NAME_LENGTH_MAX",
    "SETTINGS",
    "Settings",
    "click_options",
    "limit",
    "load_settings",
    "print_config",
]
