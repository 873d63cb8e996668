"""What the client's programs keep for a person: the settings, with logins, and device tokens.

The library itself keeps nothing but the servers that are remembered (``client/trust``).
"""
