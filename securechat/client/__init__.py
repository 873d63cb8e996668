"""The Trio client library, and the client program's interfaces on top of it."""
