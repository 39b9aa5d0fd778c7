"""What leave the app asks an EHR for, and what of it was given."""

import re
from collections.abc import Collection, Iterable
from typing import Final

__all__ = ["may_create", "wanted_scopes"]

_ALWAYS: Final = ("launch", "openid", "fhirUser")
#: What the forms read: that of the hooks, and radiology reports as text.
_READ: Final = (
    "Patient",
    "Encounter",
    "Procedure",
    "Observation",
    "Condition",
    "DiagnosticReport",
)
#: What they write: findings, the block of a follow-up, and who said so.
_WRITTEN: Final = ("Observation", "Procedure", "Provenance")
_SCOPE: Final = re.compile(
    r"(?:patient|user)/(?P<kind>[A-Z][A-Za-z]*|\*)\.(?P<leave>read|write|\*|(?=[cruds])c?r?u?d?s?)"
)
#: SMART 1 has words where SMART 2 has letters: create, read, update, delete, search.
_WORDS: Final = {"read": "rs", "write": "cud", "*": "cruds"}


def wanted_scopes(capabilities: Collection[str], *, writes: bool) -> tuple[str, ...]:
    """
    Say what leave is asked for: of one patient, and no more than the forms need.

    Parameters
    ----------
    capabilities : collection of str
        Those of the server; without ``permission-v2`` it gets the scopes of SMART 1.
    writes : bool
        Whether leave to write is asked for.

    Returns
    -------
    tuple of str
        The scopes.

    Examples
    --------
    >>> wanted_scopes(["permission-v2"], writes=True)[-2:]
    ('patient/DiagnosticReport.rs', 'patient/Provenance.c')
    >>> wanted_scopes([], writes=False)[-1]
    'patient/DiagnosticReport.read'
    """
    written = _WRITTEN if writes else ()
    kinds = dict.fromkeys((*_READ, *written))
    if "permission-v2" in capabilities:
        own = [f"{k}.{'c' * (k in written)}{_reading(k)}" for k in kinds]
    else:
        own = [f"{kind}.read" for kind in _READ] + [f"{kind}.write" for kind in written]
    return (*_ALWAYS, *(f"patient/{each}" for each in own))


def _reading(kind: str) -> str:
    """A patient and an encounter are read by their ids, the rest is searched."""
    if kind not in _READ:
        return ""
    return "r" if kind in {"Patient", "Encounter"} else "rs"


def may_create(granted: Iterable[str], kind: str) -> bool:
    """
    Tell whether a resource type may be created.

    Parameters
    ----------
    granted : iterable of str
        Scopes as the server wrote them. One that is bound to a query gives no leave
        that can be relied on, and counts for nothing.
    kind : str
        Resource type.

    Returns
    -------
    bool
        Whether a scope of SMART 1 or 2 says so.

    Examples
    --------
    >>> may_create(["patient/Observation.rs"], "Observation")
    False
    >>> may_create(["user/*.write"], "Observation")
    True
    >>> may_create(["patient/Observation.search"], "Observation")
    False
    """
    for match in filter(None, map(_SCOPE.fullmatch, granted)):
        letters = _WORDS.get(match["leave"], match["leave"])
        if match["kind"] in {kind, "*"} and "c" in letters:
            return True
    return False
