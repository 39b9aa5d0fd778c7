"""What one client gets of a card: the parts that it can show or carry out."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from cds_hooks import Capabilities, Card, Coding, Link, Source, Suggestion
from cds_hooks.plaintext import plain_text

__all__ = ["OVERRIDE_SYSTEM", "Frame", "FrameOf", "frames"]

#: HL7's categories of reasons for not following a recommendation, and two leaves.
OVERRIDE_SYSTEM: Final = (
    "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
)

#: Clients of one installation whose frames are kept; more of them only cost time.
_CLIENTS_KEPT: Final = 64
_GFM: Final = "gfm"
_NO_DETAIL: Final = "none"


@dataclass(frozen=True, slots=True)
class Frame:
    """
    What all cards for one client have in common.

    Attributes
    ----------
    capabilities : Capabilities
        What the client makes of a card.
    links : tuple of Link
        Those of a type that it shows.
    asking_links : tuple of Link
        The same, and where values can be entered, for a card that asks for some.
    override_reasons : tuple of Coding
        None if it shows none.
    """

    capabilities: Capabilities
    links: tuple[Link, ...]
    asking_links: tuple[Link, ...]
    override_reasons: tuple[Coding, ...]

    @property
    def shows_detail(self) -> bool:  # numpydoc ignore=RT01
        """Whether more of a card is read than its summary."""
        return self.capabilities.detail != _NO_DETAIL

    def card(
        self,
        *,
        summary: str,
        indicator: str,
        source: Source,
        uuid: str,
        detail: str,
        suggestions: tuple[Suggestion, ...],
        asks: bool = False,
    ) -> Card:
        """
        Make a card for the client.

        Parameters
        ----------
        summary, indicator : str
            As in `Card`.
        source : Source
            As in `Card`.
        uuid : str
            As in `Card`.
        detail : str
            GitHub Flavored Markdown, whatever the client shows.
        suggestions : tuple of Suggestion
            Only such as the client takes.
        asks : bool, default False
            Whether the card asks for values.

        Returns
        -------
        Card
            The card.
        """
        behaviors = self.capabilities.selection_behaviors
        return Card(
            summary=summary,
            indicator=indicator,
            source=source,
            uuid=uuid,
            detail=self._written(detail),
            suggestions=suggestions,
            selection_behavior=behaviors[0] if suggestions else None,
            override_reasons=self.override_reasons,
            links=self.asking_links if asks else self.links,
        )

    def _written(self, detail: str) -> str | None:
        if self.capabilities.detail == _GFM:
            return detail
        return plain_text(detail) if self.shows_detail else None


#: Gives the frame of a client.
FrameOf = Callable[[Capabilities], Frame]


def frames(words: Mapping[str, Any], public_url: str) -> FrameOf:
    """
    Prepare the parts that are the same on every card.

    Parameters
    ----------
    words : Mapping
        Words of the cards: ``link`` and ``override``.
    public_url : str
        Where a browser reaches this service, without a trailing slash.

    Returns
    -------
    callable
        Gives the frame of a client by its capabilities, and keeps it.
    """
    links = (Link(label=words["link"]["model"], url=f"{public_url}/model"),)
    entry = Link(label=words["link"]["nomogram"], url=f"{public_url}/nomogram")
    reasons = tuple(
        Coding(code, OVERRIDE_SYSTEM, display)
        for code, display in words["override"].items()
    )

    def shown(all_links: tuple[Link, ...], types: Collection[str]) -> tuple[Link, ...]:
        return tuple(link for link in all_links if link.type in types)

    @lru_cache(maxsize=_CLIENTS_KEPT)
    def frame_of(capabilities: Capabilities) -> Frame:
        return Frame(
            capabilities,
            links=shown(links, capabilities.link_types),
            asking_links=shown((entry, *links), capabilities.link_types),
            override_reasons=reasons if capabilities.override_reasons else (),
        )

    return frame_of
