"""What a client makes of a card, and how it says at what point it calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Capabilities", "Trigger"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """
    What a client makes of the parts of a card.

    Attributes
    ----------
    selection_behaviors : tuple of str
        ``any``, ``at-most-one`` or both, the better one first; empty: it takes no
        suggestions.
    actions_per_suggestion : int or None
        The most it takes; None if there is no limit, 0 if it takes none.
    action_resources : tuple of str
        Types of resources that it creates when a suggestion is accepted.
    link_types : tuple of str
        ``absolute``, ``smart`` or both; empty: it shows no links.
    app_context : bool
        Whether a SMART link may carry ``appContext``.
    override_reasons : bool
        Whether it shows reasons to choose from when a card is rejected.
    detail : str
        ``gfm`` (GitHub Flavored Markdown), ``plain`` or ``none``.
    """

    selection_behaviors: tuple[str, ...] = ("any",)
    actions_per_suggestion: int | None = 1
    action_resources: tuple[str, ...] = ("ServiceRequest",)
    link_types: tuple[str, ...] = ("absolute",)
    app_context: bool = False
    override_reasons: bool = True
    detail: str = "gfm"

    def takes(self, resource_type: str) -> bool:
        """
        Tell whether a suggestion may create a resource of a type.

        Parameters
        ----------
        resource_type : str
            FHIR resource type.

        Returns
        -------
        bool
            Whether suggestions, actions and the type are all taken.

        Examples
        --------
        >>> Capabilities().takes("ServiceRequest")
        True
        >>> Capabilities(actions_per_suggestion=0).takes("ServiceRequest")
        False
        """
        return (
            bool(self.selection_behaviors)
            and self.actions_per_suggestion != 0
            and resource_type in self.action_resources
        )


@dataclass(frozen=True, slots=True)
class Trigger:
    """
    How a client says at what point of its workflow it fires ``patient-view``.

    Attributes
    ----------
    extension : str
        Name of the request's extension that says so.
    discharge : tuple of str
        The values that mean a discharge.
    """

    extension: str
    discharge: tuple[str, ...]

    def means_discharge(self, extension: Mapping[str, Any] | None) -> bool:
        """
        Tell whether a call was fired at a discharge.

        Parameters
        ----------
        extension : Mapping or None
            The request's ``extension``, as it was sent.

        Returns
        -------
        bool
            Whether its value is one of those agreed.

        Examples
        --------
        >>> Trigger("com.example.trigger", ("27",)).means_discharge(
        ...     {"com.example.trigger": "27"}
        ... )
        True
        """
        value = (extension or {}).get(self.extension)
        return isinstance(value, str) and value in self.discharge
