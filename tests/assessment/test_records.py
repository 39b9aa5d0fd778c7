"""Which server is asked, for what, and what is said where nothing could be had."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from cds_hooks import (
    Client,
    FHIRAuthorization,
    FHIRServer,
    HookRequest,
    PrefetchedData,
)
from cds_hooks.prefetch import Availability
from service.fhir.client import Fault, Fetched
from service.records import RecordReader

BASE = "https://ehr.example.org/fhir"
TEMPLATES = {
    "patient": "Patient/{{context.patientId}}",
    "encounter": "Encounter/{{context.encounterId}}",
    "procedures": "Procedure?patient={{context.patientId}}",
    "observations": "Observation?patient={{context.patientId}}",
    "conditions": "Condition?patient={{context.patientId}}",
}
OPERATION = {"resourceType": "Procedure", "id": "r1", "code": {"text": "relevant"}}
OTHER = {"resourceType": "Procedure", "id": "r2"}
TOKEN = FHIRAuthorization("t", 300, "user/*.read", "scnen-cds")


class Access:
    """Stands for all FHIR servers: keeps what was asked, answers as it was told."""

    def __init__(self, **answers):
        self.answers = answers
        self.opened = []
        self.asked = []

    def client(self, base_url, private_addresses=(), bearer=None):
        if "?" in base_url:
            raise ValueError(base_url)
        self.opened.append((base_url, private_addresses, bearer and bearer.token))
        return self

    def fetch(self, queries):
        self.asked.append(dict(queries))
        return {key: self._answer(key) for key in queries}

    def _answer(self, key):
        answer = self.answers.get(key, ())
        if isinstance(answer, Fault):
            data = PrefetchedData(Availability.UNAVAILABLE)
            return Fetched(data, answer, 1, 1.0)
        state = Availability.COMPLETE if answer else Availability.EMPTY
        return Fetched(PrefetchedData(state, tuple(answer)), None, 1, 1.0)


def read(access, *, is_open=False, origins=(), open_version=None, **request):
    """Read the record of a call; by default of a registered client with a token."""
    client = Client("north", fhir_servers=(FHIRServer(BASE),))
    given = {
        "hook": "encounter-discharge",
        "hook_instance": "0b0e7f0a-6f0e-4e52-9a55-3d1c3f0f3d11",
        "context": {"patientId": "p1", "encounterId": "e1"},
        "fhir_server": BASE,
        "fhir_authorization": TOKEN,
        "client": client,
        **request,
    }
    reader = RecordReader(
        TEMPLATES,
        access,
        lambda procedure: "code" in procedure,
        is_open=is_open,
        origins=origins,
        open_version=open_version,
    )
    return reader.read(HookRequest(**given))


def bundle(*resources, **more):
    """A searchset."""
    entries = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries, **more}


@pytest.mark.conformance("FA-8")
@pytest.mark.parametrize(
    "url",
    [
        None,
        "https://ehr.example.org.evil.example/fhir",
        "https://other.example.org/fhir",
        "http://169.254.169.254/fhir",
        "http://ehr.example.org/fhir",
        "file:///etc/passwd",
        "https://ehr.example.org/fhir/../admin",
    ],
)
@pytest.mark.parametrize("is_open", [False, True])
def test_a_server_that_is_not_registered_is_not_asked(url, is_open):
    """Whatever a request names, a token goes only where it was agreed upon."""
    access = Access(procedures=[OPERATION])
    found = read(access, fhir_server=url, is_open=is_open)
    assert access.opened == []
    assert found.lacking["procedures"] == (
        "absent; no FHIR access was given that may be used"
    )


@pytest.mark.conformance("FA-2")
def test_without_a_token_a_registered_server_is_not_asked():
    """Only an open test server on this machine needs none."""
    access = Access(procedures=[OPERATION])
    assert "procedures" in read(access, fhir_authorization=None).lacking
    assert access.opened == []


def test_a_token_for_another_patient_is_not_used():
    """SMART restricts some tokens to one patient."""
    access = Access(procedures=[OPERATION])
    read(access, fhir_authorization=replace(TOKEN, patient="p2"))
    assert access.opened == []
    read(access, fhir_authorization=replace(TOKEN, patient="p1"))
    assert access.opened


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8103/fhir", "http://localhost/fhir", "http://[::1]/fhir"]
)
def test_open_mode_asks_a_server_on_this_machine_without_token(url):
    """For sandboxes; a token that is there is sent."""
    access = Access()
    read(access, fhir_server=url, is_open=True, fhir_authorization=None)
    assert access.opened == [(url, (), None)]
    read(access, fhir_server=url, fhir_authorization=None)
    assert len(access.opened) == 1


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://evil.example",
        "https://localhost.evil.example",
        "https://cds.example.org:8443",
        "http://cds.example.org",
        "http://192.0.2.7",
        "null",
        "",
        "http://127.0.0.1:1, https://evil.example",
    ],
)
@pytest.mark.parametrize("is_open", [False, True])
def test_a_foreign_web_page_gets_no_fhir_access(origin, is_open):
    """Else any page could read a server of this machine, and try its ports."""
    access = Access(procedures=[OPERATION])
    url = "http://127.0.0.1:8103/fhir" if is_open else BASE
    own = ("https://cds.example.org",)
    found = read(access, is_open=is_open, fhir_server=url, origin=origin, origins=own)
    assert access.opened == []
    assert found.lacking["procedures"] == (
        "absent; the call came from a web page whose origin is not registered, so no"
        " FHIR server was asked"
    )


def test_a_foreign_web_page_is_served_with_what_it_sent():
    """It is the access that is refused, not the call."""
    prefetch = {"procedures": bundle(OTHER)}
    found = read(Access(), origin="https://evil.example", prefetch=prefetch)
    assert found.record.procedures == (OTHER,)


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "http://localhost:8080",
        "http://127.0.0.1:9000",
        "http://[::1]:8080",
        "https://cds.example.org",
        "https://ehr.example.org",
    ],
)
def test_pages_that_are_known_have_access(origin):
    """Of this machine, of the public URL, and those that the client registered."""
    client = Client(
        "north",
        fhir_servers=(FHIRServer(BASE),),
        origins=("https://ehr.example.org",),
    )
    access = Access(procedures=[OTHER])
    own = ("https://cds.example.org",)
    found = read(access, client=client, origin=origin, origins=own)
    assert found.record.procedures == (OTHER,)


def test_a_base_that_cannot_be_used_is_no_access():
    """A query in the base would change what is asked for."""
    url = "http://127.0.0.1/fhir?x=1"
    found = read(Access(), fhir_server=url, is_open=True)
    assert "no FHIR access" in found.lacking["procedures"]


def test_listed_networks_go_with_the_server():
    """A hospital's own network is private, and listed by hand."""
    network = ip_network("10.20.0.0/16")
    client = Client("north", fhir_servers=(FHIRServer(BASE, "R4", (network,)),))
    access = Access()
    read(access, client=client)
    assert access.opened == [(BASE, (network,), "t")]


def test_without_an_operation_nothing_else_is_fetched():
    """Most patients of a hospital had none: one query, and no more of their data."""
    access = Access(procedures=[OTHER])
    found = read(access)
    assert [list(queries) for queries in access.asked] == [["procedures"]]
    assert found.record.procedures == (OTHER,)
    assert found.record.observations is None


def test_what_is_lacking_is_fetched_at_once():
    """After the procedures everything else in one go, each as its template says."""
    access = Access(procedures=[OPERATION], patient=[{"resourceType": "Patient"}])
    found = read(access)
    first, second = access.asked
    assert first == {"procedures": ("Procedure?patient=p1", "Procedure")}
    assert second == {
        "patient": ("Patient/p1", "Patient"),
        "encounter": ("Encounter/e1", "Encounter"),
        "observations": ("Observation?patient=p1", "Observation"),
        "conditions": ("Condition?patient=p1", "Condition"),
    }
    assert found.lacking == {}
    assert found.record.patient == {"resourceType": "Patient"}
    assert found.record.observations == ()


def test_what_was_sent_is_not_fetched_again():
    """Null and empty are answers; so is what the client could not read."""
    failed = {"resourceType": "OperationOutcome", "issue": []}
    prefetch = {
        "patient": None,
        "encounter": None,
        "procedures": bundle(OPERATION),
        "observations": bundle(),
        "conditions": failed,
    }
    access = Access()
    found = read(access, prefetch=prefetch)
    assert access.opened == []
    assert found.record.observations == ()
    assert found.lacking == {"conditions": "the client could not read it"}


def test_a_page_of_several_is_fetched_as_a_whole():
    """Part of an answer is none."""
    link = [{"relation": "next", "url": f"{BASE}/Procedure?page=2"}]
    prefetch = {"procedures": bundle(OTHER, link=link)}
    access = Access(procedures=[OTHER, OPERATION])
    found = read(access, prefetch=prefetch)
    assert found.record.procedures == (OTHER, OPERATION)
    failing = Access(procedures=Fault.TIMEOUT)
    told = read(failing, prefetch={"procedures": bundle(link=link)}).lacking
    assert told["procedures"] == (
        "only the first page was sent; fetching it failed: timeout"
    )


@pytest.mark.parametrize("fault", list(Fault))
def test_why_a_fetch_failed_is_told(fault):
    """In a word of a closed list, without anything of the patient."""
    found = read(Access(procedures=[OPERATION], conditions=fault))
    assert found.lacking == {"conditions": f"absent; fetching it failed: {fault}"}
    assert found.record.conditions is None


def test_a_template_that_the_context_cannot_fill_is_not_asked():
    """A chart that is opened without an encounter."""
    access = Access(procedures=[OPERATION])
    found = read(access, context={"patientId": "p1"})
    assert "encounter" not in access.asked[1]
    assert found.lacking == {"encounter": "absent"}


@pytest.mark.parametrize(
    ("theirs", "ours", "had"),
    [
        (bundle(OTHER), ..., (OTHER,)),
        (..., bundle(OTHER), (OTHER,)),
        (bundle(OTHER), bundle(OPERATION), (OTHER, OPERATION)),
        (bundle(OTHER), bundle(OTHER), (OTHER,)),
        (None, bundle(OPERATION), (OPERATION,)),
        (bundle(OPERATION), None, (OPERATION,)),
        (bundle(), bundle(OPERATION), (OPERATION,)),
        (None, bundle(), ()),
        (None, None, ()),
    ],
)
def test_a_site_may_name_its_keys_otherwise(theirs, ours, had):
    """And no name hides what stands under another."""
    client = Client("north", prefetch_keys={"procedures": ("surgeries",)})
    sent = {"surgeries": theirs, "procedures": ours}
    prefetch = {name: value for name, value in sent.items() if value is not ...}
    found = read(Access(), client=client, prefetch=prefetch)
    assert found.record.procedures == had
    assert "procedures" not in found.lacking


class Counting(dict):
    """A resource that counts how often it is compared."""

    compared = 0

    def __eq__(self, other):
        type(self).compared += 1
        return dict.__eq__(self, other)

    __hash__ = None


@pytest.mark.parametrize("names", [("surgeries",), ("surgeries", "procedures")])
def test_names_are_united_without_comparing_each_with_each(names):
    """A long record under a name of the site's own would hold a worker."""
    client = Client("north", prefetch_keys={"procedures": ("surgeries",)})
    many = [Counting(OTHER, id=f"r{n}") for n in range(300)]
    Counting.compared = 0
    found = read(Access(), client=client, prefetch={n: bundle(*many) for n in names})
    assert len(found.record.procedures) == 300
    assert Counting.compared == 0


def test_resources_too_deep_to_be_written_are_kept_twice():
    """What cannot be compared equals nothing; the extraction looks at ids."""
    deep = {}
    for _ in range(400):
        deep = {"extension": [deep]}
    client = Client("north", prefetch_keys={"procedures": ("surgeries",)})
    prefetch = {n: bundle({**OTHER, **deep}) for n in ("surgeries", "procedures")}
    assert len(read(Access(), client=client, prefetch=prefetch).record.procedures) == 2


@pytest.mark.parametrize("is_first", [True, False])
def test_what_could_not_be_had_under_one_name_could_not_be_had(is_first):
    """Half of the record is never taken for all of it."""
    client = Client("north", prefetch_keys={"procedures": ("surgeries",)})
    values = [bundle(OPERATION), {"resourceType": "OperationOutcome", "issue": []}]
    names = ["surgeries", "procedures"] if is_first else ["procedures", "surgeries"]
    found = read(
        Access(), client=client, prefetch=dict(zip(names, values, strict=True))
    )
    assert found.lacking["procedures"] == "the client could not read it"


def test_a_call_has_one_client_and_one_budget():
    """Both fetches are made with the same, so that the clinician waits once."""
    access = Access(procedures=[OPERATION])
    read(access)
    assert len(access.asked) == 2
    assert len(access.opened) == 1


def _about(base, kind="Procedure", **more):
    """A resource whose subject is written with the address of a server."""
    subject = {"reference": f"{base}/Patient/p1"}
    return {"resourceType": kind, "id": kind, "subject": subject, **more}


INSIDE = "http://fhir-internal/r4"
KNOWN = Client("north", fhir_servers=(FHIRServer(BASE, also_known_as=(INSIDE,)),))


@pytest.mark.parametrize("is_fetched", [True, False])
@pytest.mark.parametrize("base", [BASE, INSIDE])
def test_a_registered_server_is_one_under_all_its_names(base, is_fetched):
    """Prefetched or fetched."""
    procedure, encounter = _about(base, code={}), _about(base, "Encounter")
    access = Access(procedures=[procedure], encounter=[encounter])
    prefetch = {"procedures": bundle(procedure), "encounter": encounter}
    found = read(access, client=KNOWN, prefetch={} if is_fetched else prefetch)
    (kept,) = found.record.procedures
    assert kept["subject"] == {"reference": "Patient/p1"}
    assert found.record.encounter["subject"] == {"reference": "Patient/p1"}
    assert found.record.elsewhere == {}


def test_what_names_an_unknown_server_is_dropped_and_counted_by_type():
    """The same id there may be another patient."""
    other = "https://other.example/fhir"
    prefetch = {
        "procedures": bundle(_about(other), _about(INSIDE, id="b")),
        "observations": bundle(_about(other, "Observation")),
        "conditions": bundle(),
        "encounter": _about(other, "Encounter"),
    }
    found = read(Access(), client=KNOWN, prefetch=prefetch)
    assert [each["id"] for each in found.record.procedures] == ["b"]
    assert found.record.observations == ()
    assert found.record.encounter is None
    assert found.record.elsewhere == {"Encounter": 1, "Procedure": 1, "Observation": 1}


@pytest.mark.parametrize("fhir_server", [None, "http://127.0.0.1:8103/fhir"])
def test_where_no_registered_server_is_named_references_stay_as_they_are(fhir_server):
    """The record must agree with itself, as before."""
    procedure = _about("https://other.example/fhir")
    found = read(
        Access(),
        client=KNOWN,
        is_open=True,
        fhir_server=fhir_server,
        prefetch={"procedures": bundle(procedure)},
    )
    assert found.record.procedures == (procedure,)
    assert found.record.elsewhere == {}


def test_nobody_known_is_served_with_what_he_sent():
    """Without a client there is no server to ask."""
    access = Access()
    found = read(access, client=None, prefetch={"procedures": bundle(OTHER)})
    assert access.opened == []
    assert found.record.procedures == (OTHER,)


@pytest.mark.parametrize(
    ("versions", "said", "had"),
    [
        (["R5"], "occurrenceDateTime", 1),
        (["R5"], "performedDateTime", 0),
        (["R4"], "performedDateTime", 1),
        (["R4"], "occurrenceDateTime", 0),
        (["R4", "R5"], "performedDateTime", 1),
        (["R4", "R5"], "occurrenceDateTime", 0),
    ],
)
def test_prefetch_is_read_in_the_version_of_the_clients_server(versions, said, had):
    """
    Without a server in the request the only version there is; else R4.

    What is of another version is illegible: its times would be lost without a word.
    """
    servers = tuple(
        FHIRServer(f"https://{version}.example.org", version) for version in versions
    )
    procedure = {"resourceType": "Procedure", "id": "r", said: "2026-03-03"}
    found = read(
        Access(),
        client=Client("north", fhir_servers=servers),
        fhir_server=None,
        prefetch={"procedures": bundle(procedure)},
    )
    assert len(found.record.procedures) == had
    assert all("performedDateTime" in each for each in found.record.procedures)
    assert found.record.illegible == ({} if had else {"Procedure": 1})


@pytest.mark.parametrize(
    ("is_open", "fhir_server", "version"),
    [
        (True, "http://127.0.0.1:8103/fhir", "R5"),
        (True, "https://unknown.example/fhir", "R5"),
        (True, None, "R5"),
        (True, BASE, "R4"),
        (False, None, "R4"),
    ],
)
def test_open_mode_has_a_version_for_servers_that_nobody_registered(
    is_open, fhir_server, version
):
    """A loopback server cannot be registered; what is registered says its own."""
    procedure = {"resourceType": "Procedure", "occurrenceDateTime": "2026-03-03"}
    found = read(
        Access(),
        is_open=is_open,
        open_version="R5",
        fhir_server=fhir_server,
        prefetch={"procedures": bundle(procedure)},
    )
    assert found.fhir_version == version
    assert len(found.record.procedures) == (version == "R5")
