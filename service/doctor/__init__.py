"""What is wrong between an EHR's FHIR server, its register entry and the service.

::

    case        what is examined
    entry       the register entry by itself
    server      connection, version, the queries of the services
    searches    whether searches do what they say
    content     whether there is something to work with: codes, shape
    deployment  the service: discovery, web pages, calls with and without prefetch
    findings    ok, warning or fault, with what was found and the remedy

No finding holds an id, a date, a name, a value of a patient or a token.
"""

from service.doctor.case import Case
from service.doctor.examination import examine
from service.doctor.findings import Finding, Level

__all__ = ["Case", "Finding", "Level", "examine"]
