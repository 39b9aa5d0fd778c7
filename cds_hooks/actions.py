"""Changes to the record that a service proposes, each checked when it is built."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds_hooks.errors import InvalidCard
from cds_hooks.values import REFERENCE, check_choice, check_json, check_text

__all__ = ["Action"]

_ACTION_TYPES = ("create", "update", "delete")


@dataclass(frozen=True, slots=True)
class Action:
    """
    One change to the record.

    Attributes
    ----------
    type : str
        ``create``, ``update`` or ``delete``.
    description : str
        What the user reads; some clients show nothing else.
    resource : Mapping or None
        The whole FHIR resource, to create or to update (then with its id).
    resource_id : str or None
        Relative reference ``Type/id`` of what to delete.
    """

    type: str
    description: str
    resource: Mapping[str, Any] | None = None
    resource_id: str | None = None

    def __post_init__(self) -> None:
        """Refuse a wrong value."""
        check_choice("Action.type", self.type, _ACTION_TYPES)
        check_text("Action.description", self.description)
        if self.type == "delete":
            self._check_target()
        else:
            self._check_resource()

    def with_members(self, members: Mapping[str, Any]) -> "Action":
        """
        Add to the resource, such as the patient to a draft that is else the same.

        Only what is added is checked: the rest was when this action was built.

        Parameters
        ----------
        members : Mapping
            Elements that the resource does not hold.

        Returns
        -------
        Action
            Another action, with a resource of its own.

        Raises
        ------
        InvalidCard
            If this action has no resource, the resource holds an element of the same
            name, or what is added is not JSON that may be sent.
        """
        if self.resource is None or not self.resource.keys().isdisjoint(members):
            raise InvalidCard("Action.resource: expected only elements that it lacks")
        check_json("Action.resource", members)
        wider = object.__new__(Action)
        object.__setattr__(wider, "type", self.type)
        object.__setattr__(wider, "description", self.description)
        object.__setattr__(wider, "resource", {**self.resource, **members})
        object.__setattr__(wider, "resource_id", None)
        return wider

    def _check_target(self) -> None:
        if self.resource is not None:
            raise InvalidCard("Action.resource: a delete carries resource_id instead")
        if not isinstance(self.resource_id, str) or not REFERENCE.fullmatch(
            self.resource_id
        ):
            raise InvalidCard("Action.resource_id: expected a reference Type/id")

    def _check_resource(self) -> None:
        if self.resource_id is not None:
            raise InvalidCard("Action.resource_id: is for a delete only")
        if not isinstance(self.resource, Mapping):
            raise InvalidCard("Action.resource: expected a FHIR resource")
        check_json("Action.resource", dict(self.resource))
        needed = ["resourceType"] + ["id"] * (self.type == "update")
        for name in needed:
            check_text(f"Action.resource.{name}", self.resource.get(name))
