"""Who may log in, and by what: accounts, their passwords, and the tokens of their devices.

All of it is kept as records, changed by compare-and-set, so that the server and the operator's
programs can change it at the same time.
"""
