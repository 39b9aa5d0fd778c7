"""What the labels of a resource say of it: whether it is data for tests."""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["is_test_data"]

#: HL7's ActReason, "test health data": servers give it as a tag or as a security label.
_HTEST: Final = ("http://terminology.hl7.org/CodeSystem/v3-ActReason", "HTEST")
_LISTS: Final = ("tag", "security")


def is_test_data(resource: Mapping[str, Any] | None) -> bool:
    """
    Tell whether a resource is marked as data for tests.

    Parameters
    ----------
    resource : Mapping of str to object or None
        The resource as plain JSON, not checked.

    Returns
    -------
    bool
        Whether `HTEST` of HL7's ActReason stands among its tags or security labels.
        Without the mark nothing can be told: it is taken for real.

    Examples
    --------
    >>> label = {
    ...     "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    ...     "code": "HTEST",
    ... }
    >>> is_test_data({"resourceType": "Patient", "meta": {"security": [label]}})
    True
    """
    meta = resource.get("meta") if resource else None
    if not isinstance(meta, dict):
        return False
    lists = (meta.get(name) for name in _LISTS)
    return any(
        isinstance(label, dict) and (label.get("system"), label.get("code")) == _HTEST
        for labels in lists
        if isinstance(labels, list)
        for label in labels
    )
