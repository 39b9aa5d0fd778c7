"""What an installation can choose about its store."""

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["DURABILITIES", "UNRECORDED", "StoreSettings"]

DURABILITIES = ("process", "power")
UNRECORDED = ("answer", "refuse")


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """
    Where the store is, what it survives, and how long it keeps what.

    Attributes
    ----------
    data_dir : pathlib.Path or None
        Folder of the embedded database and the spool; None, in open mode only, for a
        temporary one that ends with the server.
    database_url : str or None
        The database; None for SQLite in the folder. Never shown by `repr`.
    durability : str
        What a recorded decision survives: ``process`` or ``power``.
    unrecorded : str
        What becomes of a call whose decision cannot be recorded: ``answer`` or
        ``refuse``.
    spool_limit_mb : int
        Most megabytes of decisions that wait for the database.
    keep_decisions_days, keep_comments_days : int
        Age at which a purge takes decisions with their feedback, and comments.
    previous_secret_keys : tuple of str
        Keys that were in use before, the newest first. Never shown by `repr`.
    """

    data_dir: Path | None = None
    database_url: str | None = field(default=None, repr=False)
    durability: str = "process"
    unrecorded: str = "answer"
    spool_limit_mb: int = 256
    keep_decisions_days: int = 2192
    keep_comments_days: int = 90
    previous_secret_keys: tuple[str, ...] = field(default=(), repr=False)
