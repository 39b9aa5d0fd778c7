"""What a site's maps change: what they add, replace, take out of use or repeat."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from service.fhir.conceptmaps import Kind, MappedCode
from service.fhir.systems import normalise
from service.fhir.terminology import Maps, Terminology

__all__ = ["Change", "Effect", "changes"]


class Effect(StrEnum):
    """What a mapping of the site does to the bundled ones."""

    ADDS = "adds"
    REPLACES = "replaces"
    REMOVES = "removes"
    REPEATS = "repeats"
    NOTHING = "no effect"


@dataclass(frozen=True, slots=True)
class Change:
    """
    What one mapping of a site does.

    Attributes
    ----------
    mapped : MappedCode
        The mapping.
    effect : Effect
        What it does.
    before : tuple of MappedCode
        What the code meant without it.
    """

    mapped: MappedCode
    effect: Effect
    before: tuple[MappedCode, ...]


def changes(maps: Maps) -> Iterator[Change]:
    """
    Compare a site's maps with the bundled ones.

    Parameters
    ----------
    maps : Maps
        Both.

    Yields
    ------
    Change
        One for each mapping of the site, in their order.
    """
    bundled = Terminology(maps.bundled, maps.base)
    for mapped in maps.site:
        kinds = tuple(Kind) if mapped.kind is None else (mapped.kind,)
        found = (bundled.lexicon(k).find(mapped.system, mapped.code) for k in kinds)
        before = tuple(meaning for meaning in found if meaning is not None)
        yield Change(mapped, _effect(mapped, before), before)


def _effect(mapped: MappedCode, before: tuple[MappedCode, ...]) -> Effect:
    if mapped.kind is None:
        return Effect.REMOVES if before else Effect.NOTHING
    if not before:
        return Effect.ADDS
    (old,) = before
    is_same_code = _written(old) == _written(mapped)
    if is_same_code and old == _as(mapped, old):
        return Effect.REPEATS
    return Effect.REPLACES


def _written(mapped: MappedCode) -> str:
    return normalise(mapped.system, mapped.code)


def _as(mapped: MappedCode, other: MappedCode) -> MappedCode:
    """The same mapping with the code spelt as in the other one."""
    return replace(mapped, code=other.code)
