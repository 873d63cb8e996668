"""What the server writes to its store, and what it keeps in memory of that.

The journal numbers and commits events; the records' writer does the same for the small documents
of which read markers, metadata and devices are made; last logins and uses are written in groups.
"""
