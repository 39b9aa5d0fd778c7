"""All knowledge artifacts of a service, to be read and searched."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from service import __version__
from service.assessment import OutputMode
from service.config import Settings
from service.knowledge.activities import activities
from service.knowledge.basis import Basis, Resource
from service.knowledge.files import kept_artifacts
from service.knowledge.libraries import libraries
from service.knowledge.plans import plan
from service.knowledge.vocabularies import vocabularies
from service.model.artifact import find_model
from service.parts import Parts

__all__ = ["Collection", "collect"]

#: What a search may ask for, each with what R4 says of it.
_SEARCHED: Final = {"url": "uri", "version": "token"}
_DISCHARGE: Final = "scnen-discharge"
#: The Questionnaire with which missing values are entered.
_FORM: Final = "scnen-measurements"


class Collection:
    """
    Knowledge artifacts by type and id.

    Parameters
    ----------
    resources : iterable of dict
        The artifacts.
    public_url : str
        Where the service is reached, without a trailing slash.

    Raises
    ------
    ValueError
        If two have the same type and id.
    """

    def __init__(self, resources: Iterable[Resource], public_url: str) -> None:
        self._root = f"{public_url}/fhir"
        self._by_kind: dict[str, dict[str, Resource]] = {}
        for resource in resources:
            kind, name = resource["resourceType"], resource["id"]
            if name in self._by_kind.setdefault(kind, {}):
                raise ValueError(f"{kind}/{name} is there twice")
            self._by_kind[kind][name] = resource

    def __iter__(self) -> Iterator[Resource]:
        """Go through all artifacts, type by type."""
        for kind in sorted(self._by_kind):
            yield from self._by_kind[kind].values()

    def read(self, kind: str, name: str) -> Resource | None:
        """
        Find one artifact.

        Parameters
        ----------
        kind, name : str
            Type and id.

        Returns
        -------
        dict or None
            The resource, if there is one.
        """
        return self._by_kind.get(kind, {}).get(name)

    def search(self, kind: str, asked: dict[str, str]) -> Resource | None:
        """
        Find the artifacts of a type.

        Parameters
        ----------
        kind : str
            Type.
        asked : dict of str to str
            ``url`` and ``version`` that they must have.

        Returns
        -------
        dict or None
            Bundle of those that have them; None for a type of which there are none.
        """
        if kind not in self._by_kind:
            return None
        found = [
            resource
            for resource in self._by_kind[kind].values()
            if all(resource[name] == value for name, value in asked.items())
        ]
        query = f"?{urlencode(asked)}" if asked else ""
        bundle: Resource = {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": len(found),
            "link": [{"relation": "self", "url": f"{self._root}/{kind}{query}"}],
        }
        entries = [
            {
                "fullUrl": f"{self._root}/{kind}/{resource['id']}",
                "resource": resource,
                "search": {"mode": "match"},
            }
            for resource in found
        ]
        return {**bundle, "entry": entries} if entries else bundle

    def statement(self) -> Resource:
        """
        Say what can be asked for.

        Returns
        -------
        dict
            CapabilityStatement.
        """
        return {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": max(resource["date"] for resource in self),
            "publisher": "scnen-cds",
            "kind": "instance",
            "description": "Reads knowledge artifacts; holds no patient data.",
            "software": {"name": "scnen-cds", "version": __version__},
            "implementation": {
                "description": "Knowledge artifacts of a CDS Hooks service",
                "url": self._root,
            },
            "fhirVersion": "4.0.1",
            "format": ["application/fhir+json"],
            "rest": [{"mode": "server", "resource": list(self._offered())}],
        }

    def _offered(self) -> Iterator[dict[str, Any]]:
        for kind in sorted(self._by_kind):
            yield {
                "type": kind,
                "interaction": [{"code": "read"}, {"code": "search-type"}],
                "versioning": "no-version",
                "searchParam": [
                    {"name": name, "type": value_type}
                    for name, value_type in _SEARCHED.items()
                ],
            }


def collect(
    parts: Parts, settings: Settings, mode: OutputMode, data: Path | None = None
) -> Collection:
    """
    Gather all artifacts.

    Parameters
    ----------
    parts : Parts
        Model, policy and service that they are about.
    settings : Settings
        Addresses, and which file the model came from.
    mode : OutputMode
        What kind of number is given.
    data : pathlib.Path, optional
        Folder with the artifacts that are files; ``service/data`` if not given.

    Returns
    -------
    Collection
        The artifacts.
    """
    discharge = parts.registry.at(_DISCHARGE)["encounter-discharge"]
    basis = Basis(
        model=parts.model,
        artifact=find_model(settings.model),
        mode=mode,
        policy=parts.policy,
        service=discharge,
        canonical_base=settings.canonical_base,
        public_url=settings.public_url,
    )
    kept = list(kept_artifacts(basis.canonical_base, data))
    form = next((each for each in kept if each["id"] == _FORM), None)
    resources = [
        *kept,
        *vocabularies(basis),
        *libraries(basis),
        *activities(basis),
        plan(basis, form),
    ]
    return Collection(resources, basis.public_url)
