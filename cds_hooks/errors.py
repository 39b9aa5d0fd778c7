"""What can go wrong, each with its HTTP status and OperationOutcome code.

Answered to the client::

    CDSHooksError                  500  exception
    ├── BadRequest                 400  invalid
    ├── Unauthorized               401  login          (says no more than that)
    │   └── Untrusted              401  login          (the log names the reason)
    ├── NotFound                   404  not-found
    │   └── UnknownService         404  not-found
    ├── MethodNotAllowed           405  not-supported
    ├── DataUnavailable            412  incomplete
    ├── PayloadTooLarge            413  too-long
    ├── UnsupportedMediaType       415  not-supported
    ├── ServiceFault               500  exception      (says no more than that)
    └── Unavailable                503  transient

Raised at the author of a service, when something is built or started::

    ValueError
    ├── InvalidCard                a part of a response breaks a rule
    └── InvalidService             a service cannot be published as described
        └── InvalidTemplate        one of its prefetch templates breaks a rule

Raised at whoever registers clients::

    ValueError
    ├── InvalidClient              a value of a client cannot be used
    └── ClientFileError            a register file cannot be used: all its faults
"""

# ruff: noqa: N818 - the names are those of HTTP and of the rules they stand for

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

__all__ = [
    "BadRequest",
    "CDSHooksError",
    "ClientFileError",
    "DataUnavailable",
    "Fault",
    "InvalidCard",
    "InvalidClient",
    "InvalidService",
    "InvalidTemplate",
    "MethodNotAllowed",
    "NotFound",
    "PayloadTooLarge",
    "Refusal",
    "ServiceFault",
    "Unauthorized",
    "Unavailable",
    "UnknownService",
    "UnsupportedMediaType",
    "Untrusted",
]


class CDSHooksError(Exception):
    """
    A failure that is answered with an OperationOutcome.

    Parameters
    ----------
    *problems : str
        One sentence each, sent to the client: the field, what was expected, what to
        do. Never the value, since it may be patient data.
    note : str, optional
        A further sentence for the client that is no problem in itself.

    Attributes
    ----------
    code : str
        FHIR issue type of every problem.
    status : int
        HTTP status of the answer.
    description : str
        Fixed sentence for this kind of failure.
    is_disclosed : bool
        Whether the client is told the problems, not only the description.

    Examples
    --------
    >>> error = BadRequest("context.patientId: is missing; send a bare Patient id")
    >>> error.status, error.problems
    (400, ('context.patientId: is missing; send a bare Patient id',))
    """

    code: ClassVar[str] = "exception"
    status: ClassVar[int] = 500
    description: ClassVar[str] = "The service failed; this is not the client's fault."
    is_disclosed: ClassVar[bool] = True

    def __init__(self, *problems: str, note: str | None = None) -> None:
        super().__init__(*problems)
        self.problems = problems
        self.note = note


class BadRequest(CDSHooksError):
    """The client sent something that cannot be used."""

    code = "invalid"
    status = 400
    description = "The request cannot be used as it was sent."


class Unauthorized(CDSHooksError):
    """The client is not who it must be; the answer never says why."""

    code = "login"
    status = 401
    description = "Authentication is required."
    is_disclosed = False


class Refusal(StrEnum):
    """Why a call is not trusted: for the log, never for the client."""

    NO_TOKEN = "no-token"  # noqa: S105 a word for the log
    MALFORMED = "malformed"
    ISSUER = "issuer"
    ALGORITHM = "algorithm"
    HEADER = "header"
    JKU = "jku"
    NO_KEYS = "no-keys"
    KEY = "key"
    KEY_KIND = "key-kind"
    SIGNATURE = "signature"
    CLAIMS = "claims"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    NOT_YET = "not-yet"
    LIFETIME = "lifetime"
    TENANT = "tenant"
    REPLAYED = "replayed"
    CERTIFICATE = "certificate"
    CLEAR_TEXT = "clear-text"


class Untrusted(Unauthorized):
    """
    A call that is not trusted; the client is told no more than by `Unauthorized`.

    Parameters
    ----------
    refusal : Refusal
        Why.
    client : str, optional
        Name of the registered client that it claims to be.

    Attributes
    ----------
    refusal : Refusal
        Why.
    client : str or None
        The name.
    """

    def __init__(self, refusal: Refusal, client: str | None = None) -> None:
        super().__init__()
        self.refusal = refusal
        self.client = client


class NotFound(CDSHooksError):
    """There is nothing at the address."""

    code = "not-found"
    status = 404
    description = "There is nothing at this address."


class UnknownService(NotFound):
    """No service of that id is hosted here."""

    description = "No such service here; GET /cds-services lists those that are."


class MethodNotAllowed(CDSHooksError):
    """The address exists, but not for this HTTP method."""

    code = "not-supported"
    status = 405
    description = "This address does not take that HTTP method."


class DataUnavailable(CDSHooksError):
    """Necessary FHIR data was neither prefetched nor could it be had."""

    code = "incomplete"
    status = 412
    description = "FHIR data that the service needs could not be had."


class PayloadTooLarge(CDSHooksError):
    """The body is larger than the service reads."""

    code = "too-long"
    status = 413
    description = "The body is too large."


class UnsupportedMediaType(CDSHooksError):
    """The body is not declared as JSON."""

    code = "not-supported"
    status = 415
    description = "The body must be JSON: Content-Type application/json, UTF-8."


class ServiceFault(CDSHooksError):
    """The service itself failed; the answer never says how."""

    is_disclosed = False


class Unavailable(CDSHooksError):
    """The service cannot answer at the moment; the client should try again."""

    code = "transient"
    status = 503
    description = "The service cannot do this at the moment; please send it again."


class InvalidCard(ValueError):
    """A part of a response breaks a rule; names the field, never the value."""


class InvalidService(ValueError):
    """A service that cannot be published as described; names the field."""


class InvalidTemplate(InvalidService):
    """A prefetch template that breaks a rule; names the template and the rule."""


class InvalidClient(ValueError):
    """
    A value that no client can be registered with; never repeats the value.

    Parameters
    ----------
    problem : str
        What is wrong, to be read after the name of the field.
    remedy : str
        What to do.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """
    One thing that is wrong in a register file.

    Attributes
    ----------
    line, column : int
        Where it stands, from 1.
    field : str
        Path of the field, such as ``clients[0].issuer``; empty for the whole file.
    problem : str
        What is wrong, with the value unless it may be secret.
    remedy : str
        What to do.
    """

    line: int
    column: int
    field: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        """Write it as one line."""
        place = f"line {self.line}, column {self.column}"
        field = f"{self.field}: " if self.field else ""
        return f"{place}: {field}{self.problem}; {self.remedy}"


class ClientFileError(ValueError):
    """
    A register file that cannot be used.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    faults : iterable of Fault
        Everything that is wrong in it.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    faults : tuple of Fault
        The same in the order of lines.
    """

    def __init__(self, path: Path, faults: Iterable[Fault]) -> None:
        self.path = path
        self.faults = tuple(sorted(faults))
        super().__init__(path, self.faults)

    def __str__(self) -> str:
        """Name the file, then each fault on a line of its own."""
        count = len(self.faults)
        head = f"{self.path}: {count} fault{'s' * (count != 1)}"
        return "\n  ".join([head, *map(str, self.faults)])
