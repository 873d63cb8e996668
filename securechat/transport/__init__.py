"""Bytes to and from one peer: a TLS engine on a socket, and memory for tests."""
