"""What a client makes of the server's lines, and what it knows by them. The state is pure.

Messages go in; events for people and programs come out (``rows.py`` says what each command means),
and so does what is to be sent. What must be known across a break stands here as well: what was told
of each conversation, and which lines of one's own are not acknowledged. What is read from the wire
about messages and people stands in one file each with the client's methods that do it.
"""
