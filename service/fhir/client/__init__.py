"""Live reads and searches on an EHR's FHIR server: the only part that connects.

::

    access     one for a process: connections and breaker of each server
    fetching   one for a call: its queries, in parallel, within the budget
    paging, targets       pages to one result; which link may be followed
    asking, bearer        one request: token, judgement, retries
    transport, bodies     one HTTP exchange over kept connections; limits to an answer
    room                  bytes that all answers to one call share
    sockets, resolver     connections with a deadline, to vetted addresses only
    tunnel                or through a proxy
    breaker, deadline, limits, faults

Whoever writes asks once, by `FHIRAccess.exchange`. The package knows the protocol's
prefetch and FHIR's JSON, nothing of rules, cards or Flask.
"""

from service.fhir.client.access import FHIRAccess
from service.fhir.client.asking import Waiting
from service.fhir.client.bearer import Bearer
from service.fhir.client.faults import Fault, FHIRError
from service.fhir.client.fetching import Fetched, FHIRClient, Look
from service.fhir.client.limits import Limits
from service.fhir.client.transport import Reply

__all__ = [
    "Bearer",
    "FHIRAccess",
    "FHIRClient",
    "FHIRError",
    "Fault",
    "Fetched",
    "Limits",
    "Look",
    "Reply",
    "Waiting",
]
