"""What is examined: a client, its FHIR server, a patient there, and the service."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cds_hooks import Client, Service
from service.ehr import PlayedEHR, Signer, Subject
from service.fhir.client import Fetched, FHIRClient
from service.fhir.terminology import Terminology

__all__ = ["Case", "Results"]

#: What became of each query of the services, by prefetch key.
Results = Mapping[str, Fetched]


@dataclass(frozen=True, slots=True)
class Case:
    """
    One deployment, seen from one EHR.

    Attributes
    ----------
    client : Client
        The client.
    is_registered : bool
        Whether it stands in a register; else it is a preset.
    base_url : str
        Base of its FHIR server.
    subject : Subject
        A patient there, with an encounter.
    has_token : bool
        Whether a token was given.
    connect : callable
        Begins to read from the server, with a new budget.
    play : callable
        Plays the client for one call.
    signer : Signer or None
        Signs the calls.
    terminology : Terminology
        Which codes mean what.
    services : Mapping of str to Service
        Our services by id.
    templates : Mapping of str to str
        All their prefetch templates by key.
    public_url : str
        Where the service is reached now.
    known_as : str
        Where EHRs reach it, as the settings say.
    open_version : str or None
        FHIR version that the settings give a server that is not registered.
    """

    client: Client
    is_registered: bool
    base_url: str
    subject: Subject = field(repr=False)
    has_token: bool
    connect: Callable[[], FHIRClient]
    play: Callable[[], PlayedEHR]
    signer: Signer | None
    terminology: Terminology
    services: Mapping[str, Service]
    templates: Mapping[str, str]
    public_url: str
    known_as: str
    open_version: str | None = None

    @property
    def is_known(self) -> bool:  # numpydoc ignore=RT01
        """Whether the server stands in the register."""
        return self.client.fhir_server(self.base_url) is not None

    @property
    def fhir_version(self) -> str:  # numpydoc ignore=RT01
        """FHIR version in which the service will read the server."""
        by_client = self.client.fhir_version(self.base_url)
        return by_client if self.is_known else self.open_version or by_client
