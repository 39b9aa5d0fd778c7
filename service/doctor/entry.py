"""The register entry by itself: can a client with it be served at all."""

from cds_hooks.addresses import host_of
from service.doctor.case import Case
from service.doctor.findings import Finding, Findings, fault, ok, warning

__all__ = ["check_entry"]

_VIEW = "patient-view"
_SILENT = warning(
    "stage",
    "silent: its calls are computed and logged, and it is shown no card",
    "Set `stage: live` after the silent period, under a policy approved by two people.",
)


def check_entry(case: Case) -> Findings:
    """
    Check what the register says of the client.

    Parameters
    ----------
    case : Case
        What is examined.

    Yields
    ------
    Finding
        On entry, hooks, FHIR server, trust, and a silent stage.
    """
    yield _presence(case)
    yield _hooks(case)
    yield _fhir_server(case)
    yield _trust(case)
    if case.client.can_prove_itself and case.client.stage != "live":
        yield _SILENT


def _presence(case: Case) -> Finding:
    client = case.client
    if not case.is_registered:
        return warning(
            "register",
            f"{client.name} is a preset: nothing is known of this site",
            "Write an entry for it: scnen-cds clients example prints a pattern.",
        )
    count = sum(note.startswith("Confirm per site") for note in client.notes)
    notes = f"; {count} notes to confirm with the site" if count else ""
    return ok("register", f"{client.name}, preset {client.preset}{notes}")


def _hooks(case: Case) -> Finding:
    fired = set(case.client.hooks)
    served = [hook for hook in _hooks_of(case) if not fired or hook in fired]
    if not served:
        return fault(
            "hooks",
            f"the client fires {', '.join(sorted(fired))}; no service is there",
            f"Name one of {', '.join(_hooks_of(case))} under `hooks`.",
        )
    client = case.client
    if served == [_VIEW] and not (client.trigger or client.views_at_discharge):
        return warning(
            "hooks",
            f"{_VIEW} without a trigger: nobody can tell a discharge",
            "Register how the client marks it, under `trigger`, or that it fires at"
            " nothing else, by `views_at_discharge`. Without, patients get the"
            " follow-up in the chart, and nothing at discharge.",
        )
    return ok("hooks", ", ".join(served))


def _hooks_of(case: Case) -> list[str]:
    return [service.hook for service in case.services.values()]


def _fhir_server(case: Case) -> Finding:
    if case.client.fhir_server(case.base_url) is not None:
        return ok("FHIR server", f"registered, {case.fhir_version}")
    host = host_of(case.base_url)
    is_here = host == "localhost" if isinstance(host, str) else host.is_loopback
    if is_here:
        return warning(
            "FHIR server",
            "not registered: only a service in open mode on the same machine reads it",
            "For anything but a rehearsal, register it under `fhir_servers`.",
        )
    remedy = "Register its base URL under `fhir_servers`."
    if case.client.sends_prefetch:
        return warning(
            "FHIR server",
            "not registered: what prefetch lacks is never fetched",
            remedy,
        )
    return fault(
        "FHIR server",
        "not registered, and the client does not prefetch: there are never any data",
        remedy,
    )


def _trust(case: Case) -> Finding:
    client = case.client
    if not client.can_prove_itself:
        return warning(
            "trust",
            "no issuer and keys: served in open mode only",
            "Register `issuer` and `keys`.",
        )
    if client.issuer is None:
        return ok("trust", "a certificate is registered")
    # A rehearsal may reach the service under another name than the EHR does.
    roots = tuple(f"{url}/cds-services" for url in (case.public_url, case.known_as))
    if client.audiences and not any(a.startswith(roots) for a in client.audiences):
        return fault(
            "trust",
            f"no audience is below {roots[0]}: tokens for the service would be refused",
            "Register the URL that the site has entered for the service, or set"
            " SCNEN_PUBLIC_URL.",
        )
    return ok("trust", "issuer and keys are registered")
