"""What one client gets of a card: the parts that it can show or carry out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from cds_hooks import Capabilities, Card, Coding, Link, Source, Suggestion
from cds_hooks.plaintext import plain_text

__all__ = ["FOLLOW_UP", "MEASUREMENTS", "OVERRIDE_SYSTEM", "Frame", "FrameOf", "frames"]

#: HL7's categories of reasons for not following a recommendation, and two leaves.
OVERRIDE_SYSTEM: Final = (
    "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
)

#: Forms of the SMART app that a card asks to be filled in; sent as ``appContext``.
MEASUREMENTS, FOLLOW_UP = "measurements", "follow-up"

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
    links : Mapping of str or None to tuple of Link
        Those of a type that it shows, by the form that a card asks to be filled in;
        None is for a card that asks for none.
    override_reasons : tuple of Coding
        None if it shows none.
    """

    capabilities: Capabilities
    links: Mapping[str | None, tuple[Link, ...]]
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
        form: str | None = None,
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
        form : str or None, default None
            `MEASUREMENTS` or `FOLLOW_UP`, where the card asks for them.

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
            links=self.links[form],
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
    own = (Link(label=words["link"]["model"], url=f"{public_url}/model"),)
    nomogram = Link(label=words["link"]["nomogram"], url=f"{public_url}/nomogram")
    reasons = tuple(
        Coding(code, OVERRIDE_SYSTEM, display)
        for code, display in words["override"].items()
    )

    def app(form: str, capabilities: Capabilities) -> Link:
        return Link(
            label=words["link"][form],
            url=f"{public_url}/smart/launch",
            type="smart",
            app_context=form if capabilities.app_context else None,
        )

    def links_of(capabilities: Capabilities) -> dict[str | None, tuple[Link, ...]]:
        # Where values can be kept comes first, else where they can be tried.
        has_app = "smart" in capabilities.link_types
        asking = app(MEASUREMENTS, capabilities) if has_app else nomogram
        following = (app(FOLLOW_UP, capabilities),) if has_app else ()
        links = {None: own, MEASUREMENTS: (asking, *own), FOLLOW_UP: (*following, *own)}
        return {
            form: tuple(link for link in all_ if link.type in capabilities.link_types)
            for form, all_ in links.items()
        }

    @lru_cache(maxsize=_CLIENTS_KEPT)
    def frame_of(capabilities: Capabilities) -> Frame:
        return Frame(
            capabilities,
            links=links_of(capabilities),
            override_reasons=reasons if capabilities.override_reasons else (),
        )

    return frame_of
