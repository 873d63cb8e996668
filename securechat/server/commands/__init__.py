"""What each command does: one file per family, gathered in one table.

To add a family, write a file with a ``COMMANDS`` tuple of rows and name it in ``table.py``.
"""
