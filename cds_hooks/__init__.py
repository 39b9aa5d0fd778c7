"""CDS Hooks for the author of a service: requests, cards, prefetch, feedback.

Apart are the routes, in `cds_hooks.blueprint`, so that Flask is needed only there, the
reading of register files, in `cds_hooks.register`, which needs PyYAML, and the check of
callers, in `cds_hooks.trust`, which needs PyJWT and requests.
"""

from cds_hooks.capabilities import Capabilities, Trigger
from cds_hooks.cards import (
    Action,
    Card,
    Coding,
    Link,
    Response,
    Source,
    Suggestion,
)
from cds_hooks.client_register import ClientRegister
from cds_hooks.clients import Client, KeySource
from cds_hooks.dumping import dump_discovery, dump_response, operation_outcome
from cds_hooks.errors import (
    BadRequest,
    CDSHooksError,
    ClientFileError,
    DataUnavailable,
    InvalidCard,
    InvalidClient,
    InvalidService,
    InvalidTemplate,
    Unauthorized,
    Unavailable,
)
from cds_hooks.feedback import Feedback, ItemError
from cds_hooks.fhir_servers import FHIRServer
from cds_hooks.hooks import HOOKS, FHIRAuthorization, HookDefinition, HookRequest
from cds_hooks.loading import load_feedback, load_request
from cds_hooks.markdown import escape_markdown
from cds_hooks.prefetch import Availability, PrefetchedData, read
from cds_hooks.services import Registry, Service
from cds_hooks.smart_apps import SMARTApp

__all__ = [
    "HOOKS",
    "Action",
    "Availability",
    "BadRequest",
    "CDSHooksError",
    "Capabilities",
    "Card",
    "Client",
    "ClientFileError",
    "ClientRegister",
    "Coding",
    "DataUnavailable",
    "FHIRAuthorization",
    "FHIRServer",
    "Feedback",
    "HookDefinition",
    "HookRequest",
    "InvalidCard",
    "InvalidClient",
    "InvalidService",
    "InvalidTemplate",
    "ItemError",
    "KeySource",
    "Link",
    "PrefetchedData",
    "Registry",
    "Response",
    "SMARTApp",
    "Service",
    "Source",
    "Suggestion",
    "Trigger",
    "Unauthorized",
    "Unavailable",
    "dump_discovery",
    "dump_response",
    "escape_markdown",
    "load_feedback",
    "load_request",
    "operation_outcome",
    "read",
]
