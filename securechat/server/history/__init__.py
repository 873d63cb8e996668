"""What was said before: which of it somebody may read, and how it comes back as lines.

Pages that a client asks for, what is replayed to one that cannot ask, what is not read yet, and
how the old goes. It reads the journal; what writes it is in ``persistence``.
"""
