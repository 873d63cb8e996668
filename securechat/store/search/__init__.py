"""The search index: full text in a file of its own, beside the journal and made from it alone.

``indexer`` is the task that keeps it following the journal, and where searches begin. The rest are
functions of a connection that block: ``source`` reads the journal, ``index`` writes the file,
``query`` and ``words`` ask it.
"""
