"""The FHIR server: can it be reached, in which version, and does it answer us."""

import re
from collections.abc import Generator, Mapping
from typing import Any, Final

from cds_hooks.prefetch import resolve
from service.doctor.case import Case, Results
from service.doctor.findings import Finding, Findings, fault, ok, warning
from service.ehr import explain, is_about, kind_of
from service.fhir.client import Fault, Fetched
from service.fhir.references import base_of, home_of

__all__ = ["check_connection", "check_names", "check_queries"]

_VERSIONS: Final = (("4.0.", "R4"), ("4.1.", "R4B"), ("4.3.", "R4B"), ("5.0.", "R5"))
_PARAMETER: Final = re.compile(r"[?&]([A-Za-z][A-Za-z-]*)=")
#: Base URLs that are shown.
_MOST_NAMES: Final = 3
#: What nobody gets past.
_CLOSED: Final = frozenset(
    {
        Fault.UNREACHABLE,
        Fault.TIMEOUT,
        Fault.PROXY,
        Fault.TLS,
        Fault.REFUSED_ADDRESS,
        Fault.TOKEN_UNUSABLE,
    }
)


def check_connection(case: Case) -> Generator[Finding, None, bool]:
    """
    Check address, TLS, metadata and version.

    Parameters
    ----------
    case : Case
        What is examined.

    Returns
    -------
    bool
        Whether it makes sense to go on.

    Yields
    ------
    Finding
        On connection, version and search parameters.
    """
    seen = case.connect().look("metadata")
    if seen.fault in _CLOSED:
        yield fault("connection", *explain(seen.fault))
        return False
    how = "TLS" if case.base_url.startswith("https:") else "plain http, this machine"
    yield ok("connection", f"answers over {how} in {seen.milliseconds:.0f} ms")
    if seen.fault is not None:
        found, remedy = explain(seen.fault)
        yield warning("metadata", found, f"{remedy} The version cannot be checked.")
        return True
    statement = seen.resource or {}
    if statement.get("resourceType") != "CapabilityStatement":
        yield fault("metadata", *explain(Fault.NOT_FHIR))
        return False
    yield _version(case, statement)
    yield _parameters(case, statement)
    return True


def _version(case: Case, statement: Mapping[str, Any]) -> Finding:
    number = str(statement.get("fhirVersion"))
    found = next((v for start, v in _VERSIONS if number.startswith(start)), None)
    if found == case.fhir_version:
        return ok("version", f"FHIR {found}")
    if found is None:
        return fault(
            "version",
            "the server says no FHIR version that the service can read",
            "Give its R4, R4B or R5 base URL; many servers have one for each.",
        )
    by_setting = "" if case.is_known else f", or SCNEN_OPEN_FHIR_VERSION={found}"
    return fault(
        "version",
        f"the server is {found}, it is read as {case.fhir_version}",
        f"Set `version: {found}` for this server in the register{by_setting}.",
    )


def _parameters(case: Case, statement: Mapping[str, Any]) -> Finding:
    """Compare what the server lists with what our templates use."""
    listed = {
        resource.get("type"): {
            each.get("name") for each in resource.get("searchParam") or ()
        }
        for rest in statement.get("rest") or ()
        for resource in rest.get("resource") or ()
    }
    lacking = [
        f"{kind_of(template)}.{name}"
        for template in case.templates.values()
        for name in _PARAMETER.findall(template)
        if name not in listed.get(kind_of(template), ())
    ]
    types = sorted({kind_of(t) for t in case.templates.values()} - set(listed))
    if not lacking and not types:
        return ok("metadata", "lists all types and search parameters that are used")
    return warning(
        "metadata",
        f"does not list {', '.join([*types, *lacking])}",
        "Ask whether the server has them; the checks below show whether it does.",
    )


def check_queries(case: Case) -> Generator[Finding, None, Results | None]:
    """
    Carry out the queries of the services as they will be.

    Parameters
    ----------
    case : Case
        What is examined.

    Returns
    -------
    Mapping or None
        What came, by key; None if the patient could not be read.

    Yields
    ------
    Finding
        On the token, and one for each query.
    """
    if not case.has_token:
        yield warning(
            "token",
            "none was given",
            "Give one in FHIR_TOKEN or with --token-file, for the same app, user and"
            " scopes as the EHR will use.",
        )
    context = {"patientId": case.subject.patient_id}
    if case.subject.encounter_id is not None:
        context["encounterId"] = case.subject.encounter_id
    found = {key: resolve(t, context) for key, t in case.templates.items()}
    queries = {k: (q, kind_of(q)) for k, q in found.items() if q is not None}
    results = case.connect().fetch(queries)
    for key, fetched in results.items():
        yield _query(f"read {queries[key][1]}", fetched)
    yield from _belonging(case, results)
    yield from check_names(case, results)
    patient = results.get("patient")
    return results if patient is not None and patient.fault is None else None


def _query(check: str, fetched: Fetched) -> Finding:
    if fetched.fault is not None:
        return fault(check, *explain(fetched.fault))
    count = len(fetched.data.resources)
    pages = f" on {fetched.pages} pages" if fetched.pages > 1 else ""
    return ok(check, f"{count} found{pages}, {fetched.milliseconds:.0f} ms")


def _belonging(case: Case, results: Results) -> Findings:
    """Nothing that came may be about somebody else."""
    for key, fetched in results.items():
        strange = [
            each
            for each in fetched.data.resources
            if key != "patient" and not is_about(each, case.subject.patient_id)
        ]
        if strange and key == "encounter":
            yield fault(
                "encounter",
                "belongs to another patient, or names none",
                "Give an --encounter whose `subject` is the --patient.",
            )
        elif strange:
            yield fault(
                f"search {kind_of(case.templates[key])}",
                f"{len(strange)} of {len(fetched.data.resources)} results are about"
                " another patient, or name none",
                "The server does not honour `patient`. Do not connect it before it"
                " does; the service drops what is not the patient's.",
            )


def check_names(case: Case, results: Results) -> Findings:
    """
    Compare the addresses in references with those that the server is known by.

    Parameters
    ----------
    case : Case
        What is examined.
    results : Mapping
        What came, by key.

    Yields
    ------
    Finding
        One, if absolute references name the patient.
    """
    own = f"Patient/{case.subject.patient_id}"
    named = {
        base_of(each.get("subject"), own)
        for key, fetched in results.items()
        if key != "patient"
        for each in fetched.data.resources
    }
    found = sorted(base for base in named if base)
    server = case.client.fhir_server(case.base_url)
    if server is not None:
        known = {home_of((), base) for base in server.bases}
        strange = [base for base in found if base not in known]
    else:  # any one will do, but of several none counts
        strange = found if len(found) > 1 else []
    if strange:
        yield fault(
            "references",
            f"name the patient at {', '.join(strange[:_MOST_NAMES])}: such records are"
            " not used",
            "If that is the same server, register it with these base URLs under"
            " `also_known_as`.",
        )
    elif found:
        yield ok("references", "name the patient at a base URL that is known")
