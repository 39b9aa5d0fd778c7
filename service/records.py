"""The record of one call's patient: what was prefetched, and what is fetched live."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from cds_hooks import Availability, Client, HookRequest, PrefetchedData
from cds_hooks.addresses import is_foreign
from cds_hooks.prefetch import read, resolve
from service.fhir.client import Bearer, FHIRAccess, FHIRClient
from service.fhir.findings import PatientRecord
from service.fhir.gathering import gather

__all__ = ["Gathered", "RecordReader"]

Resource = Mapping[str, Any]

#: Our prefetch keys, and the resource type that each is for.
_TYPES: Final[Mapping[str, str]] = {
    "patient": "Patient",
    "encounter": "Encounter",
    "procedures": "Procedure",
    "observations": "Observation",
    "conditions": "Condition",
}
#: No sets: the hash of a member of an Enum costs more than three looks.
_HAD: Final = (Availability.COMPLETE, Availability.EMPTY, Availability.NULL)
#: What the client did not send, or not to the end. What it tried and failed to read is
#: not asked for again: the specification leaves that to the client.
_TO_FETCH: Final = (Availability.ABSENT, Availability.PAGED)
#: Of several names for one key: what could not be had counts before what was, and what
#: was before "looked, found nothing". A name that was not sent says nothing.
_WEAKEST_FIRST: Final = (
    Availability.UNAVAILABLE,
    Availability.PAGED,
    Availability.COMPLETE,
    Availability.EMPTY,
    Availability.NULL,
)
_WORDS: Final = {
    Availability.ABSENT: "absent",
    Availability.PAGED: "only the first page was sent",
    Availability.UNAVAILABLE: "the client could not read it",
}
_NO_ACCESS: Final = "no FHIR access was given that may be used"
_FOREIGN_PAGE: Final = (
    "the call came from a web page whose origin is not registered, so no FHIR server"
    " was asked"
)


@dataclass(slots=True)
class Gathered:
    """
    What is known of the patient of one call.

    Attributes
    ----------
    record : PatientRecord
        The resources, in R4's spelling.
    lacking : Mapping of str to str
        By prefetch key: why it could not be had, in words without patient data.
    fhir_version : str
        What the client's server speaks: ``R4``, ``R4B`` or ``R5``.
    """

    record: PatientRecord
    lacking: Mapping[str, str]
    fhir_version: str


@dataclass(slots=True)
class _Found:
    """What stands under one key, and why no more could be had."""

    data: PrefetchedData
    trouble: str = ""

    @property
    def is_had(self) -> bool:
        """Whether all there is is here; a page of several is not all."""
        return self.data.availability in _HAD

    @property
    def why(self) -> str:
        """Why it is not."""
        said = _WORDS.get(self.data.availability, "unavailable")
        return f"{said}; {self.trouble}" if self.trouble else said


class RecordReader:
    """
    Read the record of a call's patient: prefetch first, then the client's FHIR server.

    Parameters
    ----------
    templates : Mapping of str to str
        The prefetch templates of the services, by key.
    access : FHIRAccess
        The way to FHIR servers.
    is_relevant : callable
        Whether a Procedure could make the rest of the record matter. If none does,
        nothing else is fetched: most patients of a hospital had no such operation.
    is_open : bool, optional
        Open mode: a server on this machine needs neither registration nor token.
    origins : collection of str, optional
        Origins of the service's own pages. For web pages that are neither of these, nor
        of this machine, nor named by the client, no server is asked: any page that is
        open somewhere may call.
    open_version : str or None, optional
        Open mode: FHIR version of a client whose server is not registered; the client
        says it if not given.
    on_fetch : callable, optional
        Learns of each query to a server: ``ok``, or the value of its fault.
    """

    def __init__(
        self,
        templates: Mapping[str, str],
        access: FHIRAccess,
        is_relevant: Callable[[Resource], bool],
        *,
        is_open: bool = False,
        origins: Collection[str] = (),
        open_version: str | None = None,
        on_fetch: Callable[[str], object] = bool,
    ) -> None:
        self._templates = templates
        self._access = access
        self._is_relevant = is_relevant
        self._is_open = is_open
        self._origins = tuple(origins)
        self._open_version = open_version if is_open else None
        self._on_fetch = on_fetch

    def read(self, request: HookRequest) -> Gathered:
        """
        Gather what the client sent and what it lets us fetch.

        Parameters
        ----------
        request : HookRequest
            The loaded call.

        Returns
        -------
        Gathered
            The record. When this returns nothing goes on, and no token is kept.
        """
        client = request.client or Client("nobody")
        server = self._server(client, request)
        version = self._version(client, request)
        found = _prefetched(client, request)
        # One client for the call: both fetches share its budget and the token's time.
        if _is_lacking(found):
            fhir = self._connect(server, request)
            self._complete(found, ["procedures"], fhir, request)
            procedures = found["procedures"]
            if procedures.is_had and any(
                map(self._is_relevant, procedures.data.resources)
            ):
                self._complete(found, list(found), fhir, request)
        return _gathered(found, version, request.patient_id, server)

    def _complete(
        self,
        found: dict[str, _Found],
        keys: Iterable[str],
        fhir: FHIRClient | str,
        request: HookRequest,
    ) -> None:
        """Fetch what is lacking under the keys, all of it at once."""
        wanted = [key for key in keys if found[key].data.availability in _TO_FETCH]
        if not wanted:
            return
        if isinstance(fhir, str):
            for key in wanted:
                found[key].trouble = fhir
            return
        queries = {
            key: (query, _TYPES[key])
            for key in wanted
            if (query := resolve(self._templates[key], request.context)) is not None
        }
        for key, fetched in fhir.fetch(queries).items():
            self._on_fetch(fetched.fault.value if fetched.fault else "ok")
            if fetched.fault is None:
                found[key] = _Found(fetched.data)
            else:
                found[key].trouble = f"fetching it failed: {fetched.fault.value}"

    def _server(self, client: Client, request: HookRequest) -> "_Server | None":
        """Find the server that may be asked, if the request names one."""
        registered = client.fhir_server(request.fhir_server)
        if registered is not None:
            return _Server(
                registered.base_url,
                registered.private_addresses,
                bases=registered.bases,
            )
        url = request.fhir_server
        if self._is_open and url is not None and _is_on_this_machine(url):
            return _Server(url, needs_token=False)
        return None

    def _version(self, client: Client, request: HookRequest) -> str:
        """Tell in which version the client writes; of a sandbox no register says it."""
        is_registered = client.fhir_server(request.fhir_server) is not None
        if self._open_version and request.client and not is_registered:
            return self._open_version
        return client.fhir_version(request.fhir_server)

    def _connect(
        self, server: "_Server | None", request: HookRequest
    ) -> FHIRClient | str:
        """Give the way to the server, or say why there is none."""
        if server is None:
            return _NO_ACCESS
        named = request.client.origins if request.client else ()
        if is_foreign(request.origin, (*named, *self._origins)):
            return _FOREIGN_PAGE
        bearer = _bearer(request)
        if bearer is None and server.needs_token:
            return _NO_ACCESS
        try:
            return self._access.client(
                server.base_url, server.private_addresses, bearer
            )
        except ValueError:
            return _NO_ACCESS


@dataclass(frozen=True, slots=True)
class _Server:
    """A FHIR server that may be asked for this call."""

    base_url: str
    private_addresses: tuple[IPv4Network | IPv6Network, ...] = ()
    needs_token: bool = True
    #: All names of it, if it is registered: no other has the patient's records.
    bases: tuple[str, ...] = ()


def _is_on_this_machine(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _bearer(request: HookRequest) -> Bearer | None:
    """Take the call's token, unless it is for another patient."""
    given = request.fhir_authorization
    if given is None or given.patient not in {None, request.patient_id}:
        return None
    return Bearer(given.access_token, given.expires_in, monotonic())


def _is_lacking(found: Mapping[str, _Found]) -> bool:
    return any(item.data.availability in _TO_FETCH for item in found.values())


def _prefetched(client: Client, request: HookRequest) -> dict[str, _Found]:
    """Read each key under all of its names that the client sent."""
    found = {}
    for key, kind in _TYPES.items():
        names = client.prefetch_names(key)
        sent = [read(request.prefetch, name, (kind,)) for name in names]
        found[key] = _Found(sent[0] if len(sent) == 1 else _united(sent))
    return found


def _united(sent: Sequence[PrefetchedData]) -> PrefetchedData:
    """Take what stands under several names for one: no name hides another's data."""
    states = {each.availability for each in sent}
    state = next((each for each in _WEAKEST_FIRST if each in states), None)
    full = [one.resources for one in sent if one.resources]
    if len(full) > 1:
        full = [tuple({_content(each): each for one in full for each in one}.values())]
    return PrefetchedData(
        state or Availability.ABSENT,
        full[0] if full else (),
        dropped=sum(each.dropped for each in sent),
    )


def _content(resource: Resource) -> bytes | int:
    """Write down what a resource says; what cannot be written equals nothing else."""
    try:
        return orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return id(resource)


def _gathered(
    found: Mapping[str, _Found], version: str, patient_id: str, server: _Server | None
) -> Gathered:
    record = gather(
        {_TYPES[key]: item.data.resources for key, item in found.items()},
        patient_id=patient_id,
        version=version,
        bases=() if server is None else server.bases,
        dropped={_TYPES[key]: item.data.dropped for key, item in found.items()},
    )
    if not found["observations"].is_had:
        record.observations = None
    if not found["conditions"].is_had:
        record.conditions = None
    lacking = {key: item.why for key, item in found.items() if not item.is_had}
    return Gathered(record, lacking, version)
