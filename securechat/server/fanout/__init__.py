"""What was committed goes to whom it concerns.

Delivery takes events in the journal's order; each changes the directory and is then shown: as bytes
that are rendered once per shape, in the outboxes of all who may see it.
"""
