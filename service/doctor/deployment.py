"""The service as the EHR meets it: discovery, CORS, calls with and without data."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from service.doctor.case import Case
from service.doctor.findings import Finding, Findings, fault, ok, warning
from service.ehr import Occasion, choose_service
from service.ehr.preflight import preflight
from service.fire import FireError, Reply, discover, fire, open_session

if TYPE_CHECKING:
    from requests import Session

__all__ = ["check_deployment"]

_SLOW_MS: Final = {True: 500.0, False: 3000.0}
_UNIQUE: Final = frozenset({"uuid", "authoredOn"})
_STATUS: Final = {
    401: "Sign the calls as the EHR does: --key, with the public half in the register.",
    412: "What prefetch lacks must be fetched: register the FHIR server; in open mode"
    " it must be on the service's own machine.",
}


def check_deployment(case: Case, *, can_call: bool) -> Findings:
    """
    Check the running service.

    Parameters
    ----------
    case : Case
        What is examined.
    can_call : bool
        Whether the patient can be read, so that calls can be made.

    Yields
    ------
    Finding
        On discovery, CORS and calls.
    """
    with open_session(case.public_url) as session:
        session.auth = case.signer
        try:
            services = discover(session, case.public_url)
        except FireError as error:
            yield fault(
                "discovery",
                str(error),
                "Set SCNEN_PUBLIC_URL, or --service, to where the service runs. Start"
                " it there, or ask who runs what stands before it.",
            )
            return
        yield from _discovery(case, services)
        yield from _origins(case, session)
        if can_call:
            yield from _calls(case, session, services)


def _discovery(case: Case, services: Sequence[Mapping[str, Any]]) -> Findings:
    found = {each.get("id"): each for each in services}
    lacking = [name for name in case.services if name not in found]
    if lacking:
        yield fault(
            "discovery",
            f"does not list {', '.join(lacking)}",
            "Is it scnen-cds that answers there, and of this version?",
        )
        return
    yield ok("discovery", f"{case.public_url}/cds-services lists our services")
    if any(
        found[name].get("prefetch") != dict(service.prefetch)
        for name, service in case.services.items()
    ):
        yield warning(
            "templates",
            "the service asks for other data than the settings here would",
            "Run this with the service's own SCNEN_* settings.",
        )


def _origins(case: Case, session: "Session") -> Findings:
    for origin in case.client.origins:
        for name in case.services:
            url = f"{case.public_url}/cds-services/{name}"
            if not preflight(session, url, origin):
                yield fault(
                    "CORS",
                    f"{origin} may not call {name}",
                    "List it under `origins`, and see to it that nothing before the"
                    " service answers OPTIONS in its place.",
                )
                return
        yield ok("CORS", f"{origin} may call")


def _calls(
    case: Case, session: "Session", services: Sequence[Mapping[str, Any]]
) -> Findings:
    """Call twice in the same words, with all data and with none."""
    try:
        service = choose_service(services, case.client, None, case.subject.encounter_id)
        replies = dict(_replies(case, session, service))
    except FireError as error:
        yield fault("call", str(error), "See the faults above.")
        return
    for has_prefetch, reply in replies.items():
        yield _answer(reply, has_prefetch=has_prefetch)
    full, fetched = replies[True], replies[False]
    if full.is_ok and fetched.is_ok:
        yield _agreement(full, fetched)


def _replies(
    case: Case, session: "Session", service: Mapping[str, Any]
) -> Iterator[tuple[bool, Reply]]:
    url = f"{case.public_url}/cds-services/{service['id']}"
    instance = Occasion(case.subject).hook_instance
    for has_prefetch in (True, False):
        occasion = Occasion(
            case.subject, has_prefetch=has_prefetch, hook_instance=instance
        )
        call = case.play().call(service, occasion)
        yield has_prefetch, fire(session, url, call.body)


def _answer(reply: Reply, *, has_prefetch: bool) -> Finding:
    check = "call with prefetch" if has_prefetch else "call without prefetch"
    if not reply.is_ok:
        remedy = _STATUS.get(reply.status, "The log of the service tells more.")
        return fault(check, f"HTTP {reply.status}", remedy)
    took = f"cards: {len(reply.body['cards'])}, after {reply.milliseconds:.0f} ms"
    if reply.milliseconds > _SLOW_MS[has_prefetch]:
        return warning(check, f"{took}: a clinician waits", "Look for what is slow.")
    return ok(check, took)


def _agreement(full: Reply, fetched: Reply) -> Finding:
    if _stripped(full.body["cards"]) != _stripped(fetched.body["cards"]):
        return fault(
            "agreement",
            "the same patient gets another answer when data are fetched",
            "Compare scnen-cds fire with and without --no-prefetch: a query above finds"
            " other data than the EHR's prefetch would.",
        )
    if not full.body["cards"]:
        return warning(
            "agreement",
            "both ways no card, which proves little",
            "Take a patient whose operation the service judges.",
        )
    return ok("agreement", "the same cards both ways")


def _stripped(node: Any) -> Any:  # noqa: ANN401 any JSON
    """Leave out what differs from call to call."""
    if isinstance(node, dict):
        return {k: _stripped(v) for k, v in node.items() if k not in _UNIQUE}
    if isinstance(node, list):
        return [_stripped(each) for each in node]
    return node
