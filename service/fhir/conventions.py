"""How a site signs kyphosis angles, where it has declared it for all of them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from service.fhir.conceptmaps import Kind, MappedCode
from service.fhir.units import dimension_of

__all__ = ["SIGN_CONVENTIONS", "signed"]

#: What a site may declare; without it a negative angle is in doubt.
SIGN_CONVENTIONS: Final = ("kyphosis-positive", "kyphosis-negative")


def signed(entries: Iterable[MappedCode], convention: str) -> list[MappedCode]:
    """
    Give every angle a convention, unless its own map has one.

    Parameters
    ----------
    entries : iterable of MappedCode
        Mapped codes.
    convention : str
        One of `SIGN_CONVENTIONS`.

    Returns
    -------
    list of MappedCode
        The same codes in the same order.
    """
    return [
        replace(each, sign_convention=convention)
        if each.kind is Kind.MEASUREMENT
        and each.sign_convention is None
        and dimension_of(each.target) == "angle"
        else each
        for each in entries
    ]
