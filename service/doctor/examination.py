"""All checks in the order in which one depends on the other."""

from service.doctor.case import Case
from service.doctor.content import check_content
from service.doctor.deployment import check_deployment
from service.doctor.entry import check_entry
from service.doctor.findings import Findings, warning
from service.doctor.searches import check_searches
from service.doctor.server import check_connection, check_queries

__all__ = ["examine"]

_AGAIN = "Mend the faults above, then run this again."


def examine(case: Case) -> Findings:
    """
    Check a deployment from one end to the other.

    Parameters
    ----------
    case : Case
        What is examined.

    Yields
    ------
    Finding
        One for each check, as soon as it is known.
    """
    yield from check_entry(case)
    results = None
    if (yield from check_connection(case)):
        results = yield from check_queries(case)
    if results is None:
        yield warning("searches, codes", "not checked without the patient", _AGAIN)
    else:
        yield from check_searches(case, results)
        yield from check_content(case, results)
    yield from check_deployment(case, can_call=results is not None)
