"""Writing to the record: one transaction, or one by one with an honest account."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from service.fhir.client import Fault, FHIRAccess, FHIRError, Reply
from service.fhir.client.deadline import Deadline
from service.smart.accounts import FINAL, Account, Trouble, trouble_of
from service.smart.launches import EHR
from service.smart.lookups import look_up
from service.smart.resources import Draft

__all__ = ["BEGUN_WITHIN_S", "Writer"]

#: Seconds from the press of the button on, after which nothing more is sent.
BEGUN_WITHIN_S: Final = 5.0
_FHIR_JSON: Final = "application/fhir+json"
_CREATED: Final = 201
_OK: Final = 200
_LOCATION: Final = re.compile(
    r"(?:.*/)?([A-Z][A-Za-z]+/[A-Za-z0-9._-]+)(?:/_history/.*)?"
)
#: Faults before anything was sent.
_UNSENT: Final = frozenset({Fault.REFUSED_ADDRESS, Fault.TLS, Fault.PROXY})


@dataclass(frozen=True, slots=True)
class Writer:
    """
    Write with the token of one session.

    Attributes
    ----------
    access : FHIRAccess
        The way to the server.
    ehr : EHR
        Whose server.
    token : str
        Access token.
    deadline : Deadline
        After it nothing more is begun: an answer in words comes before the worker is
        taken for dead (`service.gunicorn_conf`).
    """

    access: FHIRAccess
    ehr: EHR
    token: str = field(repr=False)
    deadline: Deadline = field(default_factory=lambda: Deadline(BEGUN_WITHIN_S))

    def save(
        self,
        drafts: Sequence[Draft],
        provenance: Callable[[Sequence[str]], dict[str, Any]] | None,
    ) -> Account:
        """
        Save drafts, each at most once, however often this is called.

        Parameters
        ----------
        drafts : sequence of Draft
            What to create. One may be named by others by its `full_url`; then it comes
            before them.
        provenance : callable or None
            Makes the Provenance of some references; None where there is no leave.

        Returns
        -------
        Account
            What became of each. In a transaction all are saved or none.
        """
        wanted, names = look_up(drafts, self._search)
        account = Account(already=[d.label for d in drafts if d.full_url in names])
        if not wanted:
            return account
        is_bundled = self._has_time() and self._takes_transactions()
        if not self._has_time():
            account.failed += [(draft.label, Trouble.SLOW) for draft in wanted]
        elif is_bundled:
            self._together(wanted, provenance, names, account)
        else:
            self._one_by_one(wanted, provenance, names, account)
        return account

    def _has_time(self) -> bool:
        return self.deadline.has(0.0)

    def _search(self, query: str) -> object:
        """Ask what is there; None if that cannot be known, or only too late."""
        if not self._has_time():
            return None
        try:
            reply = self._send("GET", query)
        except FHIRError:
            return None
        return _document(reply) if reply.status == _OK else None

    def _takes_transactions(self) -> bool:
        try:
            reply = self._send("GET", "metadata")
            said = orjson.loads(reply.body)
            return reply.status == _OK and any(
                each.get("code") == "transaction"
                for rest in said["rest"]
                for each in rest.get("interaction", ())
            )
        except (FHIRError, ValueError, KeyError, TypeError, AttributeError):
            return False

    def _together(
        self,
        drafts: Sequence[Draft],
        provenance: Callable[[Sequence[str]], dict[str, Any]] | None,
        names: Mapping[str, str],
        account: Account,
    ) -> None:
        inside = {draft.full_url: draft.full_url for draft in drafts}
        entries = [
            {
                "fullUrl": draft.full_url,
                "resource": _resolved(draft.written, {**names, **inside}),
                "request": {
                    "method": "POST",
                    "url": draft.kind,
                    "ifNoneExist": draft.condition,
                },
            }
            for draft in drafts
        ]
        if provenance is not None:
            made = provenance([draft.full_url for draft in drafts])
            request = {"method": "POST", "url": "Provenance"}
            entries.append({"resource": made, "request": request})
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        reply, trouble = self._post("", bundle)
        if trouble is not None:
            account.failed += [(draft.label, trouble) for draft in drafts]
            return
        answers = _answers(reply)
        if len(answers) != len(entries):
            account.failed += [(draft.label, Trouble.UNKNOWN) for draft in drafts]
            return
        told, _ = answers[-1]
        account.has_provenance = provenance is not None and told in {_OK, _CREATED}
        for draft, (status, resource) in zip(drafts, answers, strict=False):
            account.add(draft.label, status, resource)

    def _one_by_one(
        self,
        drafts: Sequence[Draft],
        provenance: Callable[[Sequence[str]], dict[str, Any]] | None,
        known: Mapping[str, str],
        account: Account,
    ) -> None:
        is_over = False
        names: dict[str, str] = {}
        for draft in drafts:
            resource = _resolved(draft.written, {**known, **names})
            if is_over or resource is None or not self._has_time():
                is_late = not is_over and resource is not None
                why = Trouble.SLOW if is_late else Trouble.NOT_TRIED
                account.failed.append((draft.label, why))
                continue
            reply, trouble = self._post(draft.kind, resource, draft.condition)
            if trouble is not None:
                account.failed.append((draft.label, trouble))
                is_over = trouble in FINAL
                continue
            if reply is None or not account.add(
                draft.label, reply.status, _document(reply)
            ):
                continue
            if name := _reference(reply, draft.kind):
                names[draft.full_url] = name
        is_told = bool(names and account.saved and self._has_time())
        if provenance is not None and is_told:
            _, trouble = self._post("Provenance", provenance(list(names.values())))
            account.has_provenance = trouble is None

    def _post(
        self, path: str, resource: Mapping[str, Any], condition: str | None = None
    ) -> tuple[Reply | None, Trouble | None]:
        headers = {"If-None-Exist": condition} if condition else {}
        try:
            reply = self._send("POST", path, orjson.dumps(resource), headers)
        except FHIRError as error:
            is_unsent = error.fault in _UNSENT
            return None, Trouble.SERVER if is_unsent else Trouble.UNKNOWN
        if reply.status in {_OK, _CREATED}:
            return reply, None
        return None, trouble_of(reply.status)

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        sent = {
            "Accept": _FHIR_JSON,
            "Authorization": f"Bearer {self.token}",
            "User-Agent": "scnen-cds",
            **(headers or {}),
        }
        if body is not None:
            sent |= {"Content-Type": _FHIR_JSON, "Prefer": "return=representation"}
        return self.access.exchange(
            self.ehr.base_url,
            self.ehr.private_addresses,
            path=path,
            method=method,
            headers=sent,
            body=body,
        )


def _document(reply: Reply) -> object:
    try:
        return orjson.loads(reply.body)
    except ValueError:
        return None


def _answers(reply: Reply | None) -> list[tuple[int, Any]]:
    """Read what became of each entry of a transaction, with what was sent back."""
    try:
        bundle = orjson.loads(reply.body if reply else b"")
        return [
            (int(each["response"]["status"][:3]), each.get("resource"))
            for each in bundle["entry"]
        ]
    except (ValueError, KeyError, TypeError):
        return []


def _reference(reply: Reply, kind: str) -> str | None:
    """Tell the name that a server gave, by its header or by what it sent back."""
    match = _LOCATION.fullmatch(reply.location)
    if match and match[1].startswith(f"{kind}/"):
        return match[1]
    try:
        identifier = orjson.loads(reply.body)["id"]
    except (ValueError, KeyError, TypeError):
        return None
    return f"{kind}/{identifier}" if isinstance(identifier, str) else None


def _resolved(
    resource: Mapping[str, Any], names: Mapping[str, str]
) -> Mapping[str, Any] | None:
    """Write the names of what was saved before; None where that was not saved."""
    part_of = [each["reference"] for each in resource.get("partOf", ())]
    if not part_of:
        return resource
    found = [names[each] for each in part_of if each in names]
    if len(found) < len(part_of):
        return None
    return {**resource, "partOf": [{"reference": each} for each in found]}
