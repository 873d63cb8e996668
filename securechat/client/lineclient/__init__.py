"""The line mode: a client that prints a line for each event and does what is typed at a prompt.

``plain`` is the mode itself, ``commands`` what can be typed, ``terminal`` the prompt, and ``stdio``
stands in for the prompt where there is no terminal: pipes, files, other programs.
"""
