"""How known EHRs differ in what they send; sources: `cds_hooks/data/presets.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cds_hooks import Client

__all__ = ["Manners", "manners_of"]


@dataclass(frozen=True, slots=True)
class Manners:
    """
    What an EHR writes where the specification leaves it a choice.

    Attributes
    ----------
    user : str
        Reference of the user; nobody is behind it.
    names_encounter : bool
        Whether ``patient-view`` names the encounter it fires in.
    tells_failures : bool
        Whether a failed query has an OperationOutcome under its key, not nothing.
    marks_empty : bool
        Whether an empty result holds a warning that it is empty.
    joins_repeats : bool
        Whether a search parameter that stands twice becomes one with a comma.
    scope : str
        Scopes of the token; empty: SMART scopes for what is read.
    extension : Mapping
        What it adds to each request.
    algorithm : str
        How it signs.
    issuer : str
        ``iss`` of its tokens; empty: its FHIR base.
    has_subject : bool
        Whether its tokens carry ``sub`` and ``nbf``.
    """

    user: str = "Practitioner/rehearsal"
    names_encounter: bool = True
    tells_failures: bool = True
    marks_empty: bool = False
    joins_repeats: bool = False
    scope: str = ""
    extension: Mapping[str, str] = field(default_factory=dict)
    algorithm: str = "ES384"
    issuer: str = ""
    has_subject: bool = False


_OF_PRESETS: Mapping[str, Manners] = MappingProxyType(
    {
        "generic": Manners(),
        "epic": Manners(
            user="PractitionerRole/rehearsal",
            marks_empty=True,
            # Names of Epic's own, with blanks and brackets: nothing to be parsed.
            scope=(
                "PATIENT.READ (R4) ENCOUNTER.READ (R4)"
                " PROCEDURE.SEARCH (Surgeries) (R4) OBSERVATION.SEARCH (Labs) (R4)"
                " CONDITION.SEARCH (Problems) (R4)"
            ),
            extension={
                "com.epic.cdshooks.request.cds-hooks-specification-version": "1.1"
            },
            algorithm="RS384",
            has_subject=True,
        ),
        "oracle-health": Manners(issuer="https://cds-hooks.cerner.com"),
        "public-sandbox": Manners(
            user="Practitioner/COREPRACTITIONER1",
            names_encounter=False,
            tells_failures=False,
            joins_repeats=True,
            issuer="https://sandbox.cds-hooks.org",
        ),
    }
)


def manners_of(client: Client) -> Manners:
    """
    Tell how a client writes its calls.

    Parameters
    ----------
    client : Client
        A registered client or a preset.

    Returns
    -------
    Manners
        Those of its preset.

    Examples
    --------
    >>> manners_of(Client("north", preset="epic")).algorithm
    'RS384'
    """
    return _OF_PRESETS[client.preset]
