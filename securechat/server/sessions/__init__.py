"""One logged-in connection, as the rest of the server sees it.

A session has an outbox, in which waits what is to be sent; its answers may be gathered under a
label; and its capabilities make the shape in which events are rendered for it.
"""
