"""Who gets in, and how much anybody may do: credentials, limits on sources, and slow mode.

Nothing here knows sessions or rooms: the gate tells whether credentials are right, and the limits
count what comes from one source.
"""
