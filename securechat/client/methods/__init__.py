"""The methods of :class:`~securechat.client.connection.Client`, by what they are about.

Each file holds one class that the client is made of; it knows the client's core alone. Two more
stand beside what they do to the state: ``state/about_messages.py`` and ``state/profiles.py``.
"""
