"""Connections to a server, one after another, for as long as a client lives.

The core makes them and waits between them; each is a session with tasks that read and write. After
a break it catches up with what was missed, in the order that ``catchup.py`` tells.
"""
