"""The full-screen client for a terminal: ``run_full_screen`` is the way in.

``app`` says which tasks there are; the rest is pure as far as it can be: ``model`` takes events,
``entries`` makes rows of what it holds, ``view`` puts the panels together.
"""

from securechat.client.tui.app import run_full_screen
from securechat.client.tui.options import Options, options_of

__all__ = ["Options", "options_of", "run_full_screen"]
