"""What can go wrong with the store."""

__all__ = ["StoreError", "StoreUnavailable"]


class StoreError(Exception):
    """The store cannot be used as it is; says what to do, and nothing of a patient."""


class StoreUnavailable(StoreError):  # noqa: N818 the name says what it is: it passes
    """The database does not answer now; nothing was written, so try again later."""
