"""SecureChat: private group chat that people run themselves.

Start reading at ``ARCHITECTURE.md``; the packages below are its rooms.
"""

__version__ = "0.1.0"
