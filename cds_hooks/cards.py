"""What a service answers: a response of cards, each refused when it breaks a rule.

Every class is frozen and checks itself when built, so a response that exists can be
sent. `InvalidCard` names the field and never repeats the value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds_hooks.actions import Action
from cds_hooks.errors import InvalidCard
from cds_hooks.markdown import has_raw_html
from cds_hooks.values import (
    check_choice,
    check_extension,
    check_flag,
    check_text,
    check_tuple,
    check_url,
    check_uuid,
)

__all__ = [
    "Action",
    "Card",
    "Coding",
    "Link",
    "Response",
    "Source",
    "Suggestion",
]

_SUMMARY_LIMIT = 139
_INDICATORS = ("info", "warning", "critical")
_SELECTION_BEHAVIORS = ("at-most-one", "any")
_LINK_TYPES = ("absolute", "smart")

_LAUNCH_PARAMETER = re.compile(r"[?&](?:launch|iss)=")


@dataclass(frozen=True, slots=True)
class Coding:
    """
    A code of a code system.

    Attributes
    ----------
    code : str
        The code.
    system : str
        URI of the code system.
    display : str or None
        What people read; required in override reasons.
    """

    code: str
    system: str
    display: str | None = None

    def __post_init__(self) -> None:
        """Refuse a wrong value."""
        check_text("Coding.code", self.code)
        check_text("Coding.system", self.system)
        if self.display is not None:
            check_text("Coding.display", self.display)


@dataclass(frozen=True, slots=True)
class Source:
    """
    Where the guidance of a card comes from.

    Attributes
    ----------
    label : str
        Short name of the source.
    url : str or None
        Absolute URL about the source; never one about the patient.
    icon : str or None
        Absolute URL of a PNG of 100 by 100 pixels.
    topic : Coding or None
        What the card is about, the same on every card of its kind.
    """

    label: str
    url: str | None = None
    icon: str | None = None
    topic: Coding | None = None

    def __post_init__(self) -> None:
        """Refuse a wrong value."""
        check_text("Source.label", self.label)
        if self.url is not None:
            check_url("Source.url", self.url)
        if self.icon is not None:
            check_url("Source.icon", self.icon)
        if self.topic is not None and not isinstance(self.topic, Coding):
            raise InvalidCard("Source.topic: expected a Coding")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """
    Something the user may accept with one click; all its actions or none.

    Attributes
    ----------
    label : str
        Text of the button.
    uuid : str or None
        Lower-case UUID; without it no feedback can name the suggestion.
    is_recommended : bool
        Whether the service recommends it before the others.
    actions : tuple of Action
        What accepting it does, all together.
    """

    label: str
    uuid: str | None = None
    is_recommended: bool = False
    actions: tuple[Action, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a wrong value."""
        check_text("Suggestion.label", self.label)
        if self.uuid is not None:
            check_uuid("Suggestion.uuid", self.uuid)
        check_flag("Suggestion.is_recommended", self.is_recommended)
        check_tuple("Suggestion.actions", self.actions, Action)


@dataclass(frozen=True, slots=True)
class Link:
    """
    A way from the card to a page or to a SMART app.

    Attributes
    ----------
    label : str
        What the user reads.
    url : str
        Absolute URL; for a SMART app its launch URL, to which the client adds
        ``launch`` and ``iss``.
    type : str
        ``absolute`` or ``smart``.
    app_context : str or None
        Text handed to the SMART app; only with ``smart``.
    autolaunchable : bool
        Whether the client may open it without showing the card. Then the page must
        show all that the card says.
    """

    label: str
    url: str
    type: str = "absolute"
    app_context: str | None = None
    autolaunchable: bool = False

    def __post_init__(self) -> None:
        """Refuse a wrong value."""
        check_text("Link.label", self.label)
        check_url("Link.url", self.url)
        check_choice("Link.type", self.type, _LINK_TYPES)
        check_flag("Link.autolaunchable", self.autolaunchable)
        if self.app_context is not None:
            check_text("Link.app_context", self.app_context)
            if self.type != "smart":
                raise InvalidCard("Link.app_context: is for links of type smart only")
        if self.type == "smart" and _LAUNCH_PARAMETER.search(self.url):
            raise InvalidCard("Link.url: leave launch and iss to the client")


@dataclass(frozen=True, slots=True)
class Card:
    """
    One piece of guidance.

    Attributes
    ----------
    summary : str
        One sentence of at most 139 characters.
    indicator : str
        ``info``, ``warning`` or ``critical``.
    source : Source
        Where the guidance comes from.
    uuid : str or None
        Lower-case UUID; without it there is no feedback on the card.
    detail : str or None
        GitHub Flavored Markdown without HTML. See
        `cds_hooks.markdown.escape_markdown`.
    suggestions : tuple of Suggestion
        What the user may accept.
    selection_behavior : str or None
        ``at-most-one`` or ``any``; given with suggestions and only then.
    override_reasons : tuple of Coding
        Reasons to choose from when the card is rejected, each with display.
    links : tuple of Link
        Where to read on.
    extension : Mapping or None
        Additions agreed with the client, under reverse domain names.

    Examples
    --------
    >>> Card("Consider a statin.", "info", Source(""))
    Traceback (most recent call last):
    cds_hooks.errors.InvalidCard: Source.label: expected a string that is not blank
    """

    summary: str
    indicator: str
    source: Source
    uuid: str | None = None
    detail: str | None = None
    suggestions: tuple[Suggestion, ...] = ()
    selection_behavior: str | None = None
    override_reasons: tuple[Coding, ...] = ()
    links: tuple[Link, ...] = ()
    extension: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Refuse a wrong value."""
        check_text("Card.summary", self.summary, limit=_SUMMARY_LIMIT, is_one_line=True)
        check_choice("Card.indicator", self.indicator, _INDICATORS)
        if not isinstance(self.source, Source):
            raise InvalidCard("Card.source: expected a Source")
        if self.uuid is not None:
            check_uuid("Card.uuid", self.uuid)
        self._check_detail()
        self._check_suggestions()
        self._check_override_reasons()
        check_tuple("Card.links", self.links, Link)
        if self.extension is not None:
            check_extension("Card.extension", self.extension)

    def _check_detail(self) -> None:
        if self.detail is None:
            return
        check_text("Card.detail", self.detail)
        if has_raw_html(self.detail):
            raise InvalidCard("Card.detail: expected Markdown without HTML tags")

    def _check_suggestions(self) -> None:
        check_tuple("Card.suggestions", self.suggestions, Suggestion)
        _check_distinct("Suggestion.uuid", self.suggestions)
        if not self.suggestions:
            if self.selection_behavior is not None:
                raise InvalidCard("Card.selection_behavior: is for suggestions only")
            return
        check_choice(
            "Card.selection_behavior", self.selection_behavior, _SELECTION_BEHAVIORS
        )
        recommended = [s for s in self.suggestions if s.is_recommended]
        if len(recommended) > 1 and self.selection_behavior != "any":
            raise InvalidCard(
                "Suggestion.is_recommended: expected at most one, since at most one"
                " can be chosen"
            )

    def _check_override_reasons(self) -> None:
        check_tuple("Card.override_reasons", self.override_reasons, Coding)
        for reason in self.override_reasons:
            if reason.display is None:  # a display that is there was checked
                raise InvalidCard(
                    "Card.override_reasons: display: expected a string that is not"
                    " blank"
                )


@dataclass(frozen=True, slots=True)
class Response:
    """
    The answer to one call; no cards means that there is nothing to say.

    Attributes
    ----------
    cards : tuple of Card
        The guidance.
    system_actions : tuple of Action
        Changes the client makes without asking; only when agreed with the client.
    extension : Mapping or None
        Additions agreed with the client, under reverse domain names.
    """

    cards: tuple[Card, ...] = ()
    system_actions: tuple[Action, ...] = ()
    extension: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Refuse a wrong value."""
        check_tuple("Response.cards", self.cards, Card)
        _check_distinct("Card.uuid", self.cards)
        check_tuple("Response.system_actions", self.system_actions, Action)
        if self.extension is not None:
            check_extension("Response.extension", self.extension)


def _check_distinct(field: str, items: tuple[Card | Suggestion, ...]) -> None:
    uuids = [item.uuid for item in items if item.uuid is not None]
    if len(set(uuids)) != len(uuids):
        raise InvalidCard(f"{field}: expected a different one for each")
