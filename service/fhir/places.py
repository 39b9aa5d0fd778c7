"""Vertebral levels and segments: a place is the set of levels it may mean."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

__all__ = [
    "ANYWHERE",
    "LUMBAR",
    "OUTSIDE",
    "PLACES",
    "THORACIC",
    "common",
    "describe",
    "distinct",
    "level_of",
    "narrowest",
    "order",
    "segment_of",
    "span",
    "union",
]

_ORDER: Final = (
    *(f"T{number}" for number in range(1, 13)),
    *(f"L{number}" for number in range(1, 6)),
)
_RANK: Final = MappingProxyType({level: rank for rank, level in enumerate(_ORDER)})

THORACIC: Final = frozenset(_ORDER[:12])
LUMBAR: Final = frozenset(_ORDER[12:])
#: Regions of the spine that the model knows nothing of.
OUTSIDE: Final = frozenset({"cervical", "sacral"})
ANYWHERE: Final = THORACIC | LUMBAR | OUTSIDE

#: code of the project -> the levels it may mean
PLACES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        **{level: frozenset({level}) for level in (*_ORDER, *OUTSIDE)},
        "thoracic": THORACIC,
        "lumbar": LUMBAR,
        "thoracolumbar": THORACIC | LUMBAR,
        "spine": ANYWHERE,
    }
)
_NAMES: Final = {levels: name for name, levels in PLACES.items()}


def level_of(place: frozenset[str]) -> str | None:
    """
    Name the vertebra, if the place is a single one.

    Parameters
    ----------
    place : frozenset of str
        Levels that are possible.

    Returns
    -------
    str or None
        ``"T1"`` to ``"L5"``; None for a region or outside the model.
    """
    if len(place) != 1:
        return None
    (level,) = place
    return level if level in _RANK else None


def segment_of(place: frozenset[str]) -> str | None:
    """
    Name the segment, if all levels that are possible lie in one.

    Parameters
    ----------
    place : frozenset of str
        Levels that are possible.

    Returns
    -------
    str or None
        ``"thoracic"`` or ``"lumbar"``.
    """
    if not place:
        return None
    if place <= THORACIC:
        return "thoracic"
    return "lumbar" if place <= LUMBAR else None


def span(places: Iterable[frozenset[str]]) -> frozenset[str]:
    """
    Fill up the vertebrae between the highest and the lowest of a construct.

    Parameters
    ----------
    places : iterable of frozenset of str
        Body sites of a screw fixation.

    Returns
    -------
    frozenset of str
        All levels from the first to the last; regions count whole.
    """
    whole = union(places)
    ranks = [_RANK[level] for level in whole if level in _RANK]
    if not ranks:
        return whole
    return whole | frozenset(_ORDER[min(ranks) : max(ranks) + 1])


def union(places: Iterable[frozenset[str]]) -> frozenset[str]:
    """
    Join places.

    Parameters
    ----------
    places : iterable of frozenset of str
        Places, maybe none.

    Returns
    -------
    frozenset of str
        Levels of any of them.
    """
    listed = list(places)
    return listed[0] if len(listed) == 1 else frozenset().union(*listed)


def common(places: Sequence[frozenset[str]]) -> frozenset[str]:
    """
    Tell which levels several places have in common.

    Parameters
    ----------
    places : sequence of frozenset of str
        Places, maybe none.

    Returns
    -------
    frozenset of str
        Levels of all of them; anywhere if there is none.
    """
    return places[0] if len(places) == 1 else ANYWHERE.intersection(*places)


def distinct(places: Iterable[frozenset[str]]) -> tuple[frozenset[str], ...]:
    """
    Leave out what a more exact place beside it says already.

    Parameters
    ----------
    places : iterable of frozenset of str
        Body sites of one record.

    Returns
    -------
    tuple of frozenset of str
        Each once, in their order, without those that hold another one.
    """
    listed = tuple(dict.fromkeys(places))
    if len(listed) < 2:  # noqa: PLR2004 one place holds no other
        return listed
    return tuple(p for p in listed if not any(other < p for other in listed))


def narrowest(places: Iterable[frozenset[str]]) -> frozenset[str]:
    """
    Join the places of several records; a coarse record of a place adds nothing to it.

    Parameters
    ----------
    places : iterable of frozenset of str
        Places.

    Returns
    -------
    frozenset of str
        Their levels, without those named only by a record that covers another; all
        if there is no record.
    """
    listed = list(places)
    if len(listed) == 1:
        return listed[0]
    kept = distinct(listed)
    return union(kept) if kept else ANYWHERE


def order(place: frozenset[str]) -> tuple[int, ...]:
    """
    Sort key from the head downwards.

    Parameters
    ----------
    place : frozenset of str
        Levels that are possible.

    Returns
    -------
    tuple of int
        Key; places outside the model come last.
    """
    return tuple(sorted(_RANK.get(level, len(_ORDER)) for level in place))


def describe(place: frozenset[str]) -> str:
    """
    Name a place in a few characters.

    Parameters
    ----------
    place : frozenset of str
        Levels that are possible.

    Returns
    -------
    str
        A level, a region, or levels joined by a stroke.
    """
    name = _NAMES.get(place)
    if name is not None:
        return name
    return "/".join(sorted(place, key=lambda level: _RANK.get(level, len(_ORDER))))
