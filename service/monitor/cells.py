"""Counts as they are printed; in what leaves the hospital small ones are hidden."""

from collections.abc import Mapping
from gettext import NullTranslations
from typing import Final

from service.languages import join_sentences, tell

__all__ = ["FEW", "Cells"]

#: A count below this, and above 0, may point at a person.
FEW: Final = 5
_TWO: Final = 2
_NONE: Final = "–"


class Cells:
    """
    Print counts and shares, in one language.

    Parameters
    ----------
    hides : bool
        Whether counts from 1 to 4 are hidden, and what they could be told from.
    words : gettext.NullTranslations, optional
        The words of the language; English if not given.

    Attributes
    ----------
    gettext : callable
        Says a text of the report.
    hidden : str
        What stands in place of a count that would give a small one away.

    Examples
    --------
    >>> Cells(hides=True).count(3), Cells(hides=False).count(3)
    ('<5', '3')
    """

    def __init__(self, *, hides: bool, words: NullTranslations | None = None) -> None:
        self.hides = hides
        self._words = words or NullTranslations()
        self.gettext = self._words.gettext
        self.hidden = self.gettext("hidden")

    def tell(self, code: str) -> str:
        """
        Say what the report calls by a code: `service.monitor.names`.

        Parameters
        ----------
        code : str
            The code; a name of the hospital's own stays what it is.

        Returns
        -------
        str
            The code itself in English.
        """
        return tell(self._words, code)

    def joined(self, *sentences: str) -> str:
        """
        Put sentences one after another.

        Parameters
        ----------
        *sentences : str
            What is said.

        Returns
        -------
        str
            As the language does it.
        """
        return join_sentences(self._words, sentences)

    def count(self, n: int) -> str:
        """
        Print a count.

        Parameters
        ----------
        n : int
            How many.

        Returns
        -------
        str
            The count, or ``<5``.
        """
        return f"<{FEW}" if self.is_small(n) else str(n)

    def is_small(self, n: int) -> bool:
        """
        Tell whether a count is hidden.

        Parameters
        ----------
        n : int
            How many.

        Returns
        -------
        bool
            True from 1 to 4, where small counts are hidden.
        """
        return self.hides and 0 < n < FEW

    def parts(self, counts: Mapping[str, int]) -> dict[str, str]:
        """
        Print the parts of a whole, so that no hidden one is the rest of the others.

        Parameters
        ----------
        counts : Mapping of str to int
            All parts.

        Returns
        -------
        dict of str to str
            Each count, ``<5``, or `hidden` where it would give a small one away.
        """
        printed = {name: self.count(n) for name, n in counts.items()}
        small = [n for n in counts.values() if self.is_small(n)]
        if not small:
            return printed
        hidden, total = len(small), sum(small)
        others = sorted((n, name) for name, n in counts.items() if n >= FEW)
        for n, name in others:
            if hidden >= _TWO and total >= FEW:
                break
            printed[name] = self.hidden
            hidden, total = hidden + 1, total + n
        return printed

    def share(self, n: int, whole: int) -> str:
        """
        Print a share.

        Parameters
        ----------
        n, whole : int
            So many of so many.

        Returns
        -------
        str
            Per cent; a dash for a share of nothing, and where it would tell a small
            count or its rest.
        """
        if whole == 0 or self.is_small(n) or self.is_small(whole - n):
            return _NONE
        return f"{n / whole:.1%}"
