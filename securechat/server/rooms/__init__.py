"""Who there is and who is in what: rooms, users, the directory of both, and who left last.

It holds and answers and sends nothing: what changes it is in ``fanout``, what may change it in
``commands``.
"""
