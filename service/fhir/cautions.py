"""What a site's map may have got wrong though it can be loaded."""

import json
from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import Final

from service.fhir.conceptmaps import MappedCode

__all__ = ["cautions", "has_check_digit"]

_SNOMED: Final = "http://snomed.info/sct"
_DIGITS: Final = range(6, 19)
#: How Verhoeff's check digit moves a digit at each place; then the sum is taken in
#: the group of rotations and reflections of a pentagon.
_MOVE: Final = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def cautions(entries: Iterable[MappedCode]) -> Iterator[str]:
    """
    Name codes that are known to be wrong, or cannot be right.

    Parameters
    ----------
    entries : iterable of MappedCode
        A site's mappings.

    Yields
    ------
    str
        One sentence for each, with file and code.
    """
    text = files("service").joinpath("data/cautions.json").read_text("utf-8")
    known = {(row["system"], row["code"]): row for row in json.loads(text)["codes"]}
    for mapped in entries:
        if mapped.kind is None or mapped.system != _SNOMED:
            continue
        row = known.get((mapped.system, mapped.code))
        where = f"{mapped.file}: {mapped.code}"
        if row:
            yield (
                f"{where}: goes round as {row['claimed']}, but is {row['truth']}. Look"
                " it up in a SNOMED CT release."
            )
        elif not has_check_digit(mapped.code):
            yield f"{where}: no SNOMED CT identifier, by its check digit."


def has_check_digit(code: str) -> bool:
    """
    Tell whether a code can be a SNOMED CT identifier.

    Parameters
    ----------
    code : str
        The code.

    Returns
    -------
    bool
        True if it has 6 to 18 digits, the last of which is Verhoeff's check digit.

    Examples
    --------
    >>> has_check_digit("285285000"), has_check_digit("285258000")
    (True, False)
    """
    if not (code.isascii() and code.isdigit() and len(code) in _DIGITS):
        return False
    total = 0
    for place, digit in enumerate(reversed(code)):
        moved = int(digit)
        for _ in range(place % 8):
            moved = _MOVE[moved]
        total = _add(total, moved)
    return total == 0


def _add(one: int, other: int) -> int:
    """Add in the dihedral group: 0 to 4 rotate, 5 to 9 reflect and rotate."""
    turned = (one + (-other if one > 4 else other)) % 5  # noqa: PLR2004 reflections
    return turned + 5 * ((one > 4) != (other > 4))  # noqa: PLR2004
