"""The store: what was answered, what became of it, and nothing that is lost.

Read at start are only the modules that need no SQLAlchemy: it takes a third of a second
to import, and no call waits for it.
"""
