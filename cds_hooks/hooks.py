"""What a client sends: the hooks, the context each one carries, and the request.

The names of context fields are the specification's own spelling, because prefetch
templates refer to them by that name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

from cds_hooks.clients import Client

__all__ = [
    "HOOKS",
    "ContextField",
    "FHIRAuthorization",
    "HookDefinition",
    "HookRequest",
    "Kind",
]


class Kind(Enum):
    """What a field of the context holds."""

    USER = "a relative reference to the user, such as Practitioner/123"
    ID = "a bare FHIR id, without the resource type"
    REFERENCE = "a relative reference, such as Practitioner/123"
    REFERENCES = "an array of relative references, such as ServiceRequest/123"
    OBJECT = "a JSON object"
    OBJECTS = "an array of JSON objects"


@dataclass(frozen=True, slots=True)
class ContextField:
    """
    One field of a hook's context.

    Attributes
    ----------
    name : str
        The specification's name.
    kind : Kind
        What it holds.
    is_required : bool
        Whether every client must send it.
    is_token : bool
        Whether a prefetch template may use it.
    """

    name: str
    kind: Kind
    is_required: bool = True
    is_token: bool = True


@dataclass(frozen=True, slots=True)
class HookDefinition:
    """
    A hook of the published library: when it fires is the client's business.

    Attributes
    ----------
    name : str
        Name of the hook, unique for its major version.
    version : str
        Version of the hook's definition.
    fields : tuple of ContextField
        What its context holds.
    user_types : tuple of str
        FHIR resource types the user may be of.
    """

    name: str
    version: str
    fields: tuple[ContextField, ...]
    user_types: tuple[str, ...]

    @property
    def required(self) -> tuple[str, ...]:
        """
        Name the fields that every client must send.

        Returns
        -------
        tuple of str
            Names, in the order of the definition.
        """
        return tuple(f.name for f in self.fields if f.is_required)

    @property
    def optional(self) -> tuple[str, ...]:
        """
        Name the fields that may be left out.

        Returns
        -------
        tuple of str
            Names, in the order of the definition.
        """
        return tuple(f.name for f in self.fields if not f.is_required)

    @property
    def tokens(self) -> tuple[str, ...]:
        """
        Name the fields that a prefetch template may use.

        Returns
        -------
        tuple of str
            Names, in the order of the definition.
        """
        return tuple(f.name for f in self.fields if f.is_token)


_USER = ContextField("userId", Kind.USER)
_PATIENT = ContextField("patientId", Kind.ID)
_ENCOUNTER = ContextField("encounterId", Kind.ID)
_ENCOUNTER_IF_ANY = ContextField("encounterId", Kind.ID, is_required=False)
_IN_A_CHART = (_USER, _PATIENT, _ENCOUNTER_IF_ANY)
_CLINICIAN = ("Practitioner", "PractitionerRole")
_ANYONE = (*_CLINICIAN, "Patient", "RelatedPerson")


def _payload(name: str, kind: Kind = Kind.OBJECT) -> ContextField:
    return ContextField(name, kind, is_token=False)


_LIBRARY = (
    HookDefinition("encounter-start", "1.0", (_USER, _PATIENT, _ENCOUNTER), _CLINICIAN),
    HookDefinition(
        "encounter-discharge", "1.0", (_USER, _PATIENT, _ENCOUNTER), _CLINICIAN
    ),
    HookDefinition("patient-view", "1.0", _IN_A_CHART, _ANYONE),
    HookDefinition(
        "order-sign", "1.0", (*_IN_A_CHART, _payload("draftOrders")), _CLINICIAN
    ),
    HookDefinition(
        "order-select",
        "1.0",
        (
            *_IN_A_CHART,
            _payload("selections", Kind.REFERENCES),
            _payload("draftOrders"),
        ),
        _CLINICIAN,
    ),
    HookDefinition(
        "appointment-book", "1.0", (*_IN_A_CHART, _payload("appointments")), _ANYONE
    ),
    HookDefinition(
        "order-dispatch",
        "1.1",
        (
            _PATIENT,
            # The library marks dispatchedOrders as a token, but only a primitive
            # can be written into a URL.
            _payload("dispatchedOrders", Kind.REFERENCES),
            ContextField("performer", Kind.REFERENCE),
            ContextField(
                "fulfillmentTasks", Kind.OBJECTS, is_required=False, is_token=False
            ),
        ),
        (),
    ),
    HookDefinition(
        "medication-refill",
        "0.1.0",
        (
            ContextField("userId", Kind.USER, is_required=False),
            _PATIENT,
            _ENCOUNTER_IF_ANY,
            _payload("medications"),
        ),
        _CLINICIAN,
    ),
    HookDefinition(
        "problem-list-item-create",
        "0.1.0",
        (*_IN_A_CHART, _payload("conditions")),
        _CLINICIAN,
    ),
    HookDefinition(
        "allergyintolerance-create",
        "0.1.0",
        (*_IN_A_CHART, _payload("allergyIntolerance")),
        ("Practitioner",),
    ),
)

#: Hook Library 1.0.1 by name; drafts as of its main branch in 2026. Read only.
HOOKS: Mapping[str, HookDefinition] = MappingProxyType({h.name: h for h in _LIBRARY})


@dataclass(frozen=True, slots=True)
class FHIRAuthorization:
    """
    Leave to read from the client's FHIR server for the length of one call.

    Attributes
    ----------
    access_token : str
        OAuth 2.0 bearer token. Never shown by ``repr``, never to be logged or kept.
    expires_in : int
        Life of the token in seconds, as of the request.
    scope : str
        Scopes as the client wrote them; not to be parsed strictly.
    subject : str
        OAuth 2.0 client id of the service.
    patient : str or None
        Patient id, when the token is restricted to one patient.
    """

    access_token: str = field(repr=False)
    expires_in: int
    scope: str
    subject: str
    patient: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HookRequest:
    """
    One call of a service, checked; ``repr`` shows nothing of the patient.

    Attributes
    ----------
    hook : str
        Name of the hook that fired.
    hook_instance : str
        UUID of this firing, as the client wrote it.
    context : Mapping
        The fields that the hook defines, by the specification's names.
    prefetch : Mapping
        What the client prefetched: key to resource, Bundle, OperationOutcome or None,
        but unchecked. Read it with `cds_hooks.prefetch.read`.
    fhir_server : str or None
        Base URL of the client's FHIR server. Not to be trusted unless registered.
    fhir_authorization : FHIRAuthorization or None
        Leave to read from it. A request loaded from the wire has it only with a server
        and only when every part of it was right.
    extension : Mapping
        The client's own additions, unchecked.
    client : Client or None
        Who called, as far as that was found out.
    origin : str or None
        Origin of the web page that called, as its browser sent it; None if nothing says
        that it was a web page.
    tenant : str or None
        For which of the client's registered tenants; None if it has none.

    Examples
    --------
    >>> request = HookRequest(
    ...     "patient-view",
    ...     "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    ...     {"userId": "Practitioner/example", "patientId": "1288992"},
    ... )
    >>> request.patient_id, request.encounter_id
    ('1288992', None)
    """

    hook: str
    hook_instance: str
    context: Mapping[str, Any] = field(repr=False)
    prefetch: Mapping[str, Any] = field(default_factory=dict, repr=False)
    fhir_server: str | None = None
    fhir_authorization: FHIRAuthorization | None = field(default=None, repr=False)
    extension: Mapping[str, Any] = field(default_factory=dict, repr=False)
    client: Client | None = field(default=None, repr=False)
    origin: str | None = None
    tenant: str | None = field(default=None, repr=False)

    @property
    def patient_id(self) -> str:
        """
        Tell whom the call is about; every hook of the library has a patient.

        Returns
        -------
        str
            Bare id of the Patient.
        """
        patient_id: str = self.context["patientId"]
        return patient_id

    @property
    def user_id(self) -> str | None:
        """
        Tell who triggered the hook.

        Returns
        -------
        str or None
            Reference such as ``Practitioner/123``.
        """
        return self.context.get("userId")

    @property
    def encounter_id(self) -> str | None:
        """
        Tell in which encounter the hook fired.

        Returns
        -------
        str or None
            Bare id of the Encounter, when there is one.
        """
        return self.context.get("encounterId")
