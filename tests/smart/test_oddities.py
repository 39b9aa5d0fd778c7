"""What servers and records may hold that nobody expects: no part of it misleads."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from cds_hooks import Client
from service.fhir.client import Fault, FHIRError, Limits, Look, Reply
from service.fhir.client.deadline import Deadline
from service.fhir.findings import PatientRecord
from service.gunicorn_conf import timeout
from service.languages import catalogue
from service.smart import assembly
from service.smart.accounts import Account, Trouble
from service.smart.authorisation import _life_s
from service.smart.charts import _begun, _person
from service.smart.identities import clinician_of
from service.smart.launches import _OPEN_APP, EHR
from service.smart.refusals import REFUSALS, Refused, Why
from service.smart.reports import Found, look_for_reports, read_reports
from service.smart.resources import Author
from service.smart.saving import BEGUN_WITHIN_S, Writer
from service.smart.scopes import may_create
from service.smart.sessions import SESSION_S

ROOT = Path(__file__).parents[2]
BASE = "https://ehr.example.org/fhir"
NOW = datetime(2026, 4, 10, 9, tzinfo=UTC)
AUTHOR = Author(BASE, "p1", None, "Practitioner/d1", NOW, "https://x.example", b"k")


def test_every_reason_has_words_and_a_status():
    """Whoever sees one knows what to do."""
    assert set(REFUSALS) == set(Why)
    for why in Why:
        assert str(Refused(why)) == why.value
        assert REFUSALS[why][1].endswith(".")


def test_every_trouble_has_words_and_stands_in_the_description():
    """A client of the interface is told all that can come."""
    described = (ROOT / "openapi.yaml").read_text("utf-8")
    (names,) = re.findall(r"trouble: \{enum: \[(.+?)\]\}", described)
    assert names.split(", ") == [why.value for why in Trouble]
    account = Account(failed=[("Block", why) for why in Trouble])
    assert all(each["why"] for each in account.told(str)["failed"])


@pytest.mark.parametrize("why", Why)
def test_every_reason_is_said_in_chinese(why):
    """A word that is not marked for translation is in no catalogue."""
    words = REFUSALS[why][1]
    assert catalogue("zh-Hans", "pages").gettext(words) != words


@pytest.mark.parametrize("status", [302, 408, 502, 504])
def test_who_gave_up_for_the_record_system_proves_nothing(status):
    """A gateway waited in vain: it may be saved or not."""
    block, _ = drafts()
    account = server(made("", status=status))[0].save([block], None)
    assert account.failed == [("Block", Trouble.UNKNOWN)]


def server(*answers, metadata=None, there=()):
    """
    A writer whose server answers so, one after the other; errors are raised.

    Of what is there already, a search by identifier finds what it asks for.
    """
    left, asked = list(answers), []

    def exchange(base_url, networks, *, path, method, headers, body):
        if "?identifier=" in path:
            found = [
                r
                for r in there
                if f"{r['identifier'][0]['value']}," in f"{path},".replace("%2C", ",")
            ]
            body = {"entry": [{"resource": each} for each in found]}
            return Reply(200, "", "", json.dumps(body).encode())
        asked.append((method, path, headers, json.loads(body) if body else None))
        answer = (metadata or {}) if path == "metadata" else left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Reply):
            return answer
        return Reply(200, "", "", json.dumps(answer).encode())

    ehr = EHR(Client("north"), _OPEN_APP, BASE)
    writer = Writer(SimpleNamespace(exchange=exchange), ehr, "t0ken")
    assert "t0ken" not in repr(writer)
    return writer, asked


TRANSACTIONS = {"rest": [{"interaction": [{"code": "transaction"}]}]}


def made(name, *, status=201, body=b""):
    return Reply(status, "", "", body, name)


def drafts():
    """A block, and the relief that is part of it."""
    block = AUTHOR.procedure(
        "Block", "scn-diagnostic-block", when="2026-04-09", elements={}
    )
    part = {"partOf": [{"reference": block.full_url}]}
    relief = AUTHOR.observation(
        "Relief", "scn-block-relief", when="2026-04-09", elements=part
    )
    return [block, relief]


def told(names):
    return {"resourceType": "Provenance", "names": list(names)}


@pytest.mark.parametrize(
    "location",
    ["Procedure/7", f"{BASE}/Procedure/7", "/fhir/Procedure/7/_history/1"],
)
def test_the_name_that_a_server_gave_is_read_from_its_header(location):
    """What was saved before is named by what is saved after it."""
    writer, asked = server(made(location), made("Observation/8"), made("Provenance/9"))
    account = writer.save(drafts(), told)
    assert account.saved == ["Block", "Relief"]
    assert asked[2][3]["partOf"] == [{"reference": "Procedure/7"}]
    assert asked[3][3]["names"] == ["Procedure/7", "Observation/8"]
    assert asked[1][2]["If-None-Exist"].startswith("identifier=https://x.example")


def test_or_from_the_resource_that_it_sent_back():
    """Not every server sends the header, or one that names another type."""
    writer, asked = server(made("Other/1", body=b'{"id": "7"}'), made("Observation/8"))
    assert writer.save(drafts(), None).saved == ["Block", "Relief"]
    assert asked[2][3]["partOf"] == [{"reference": "Procedure/7"}]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"id": 7}'])
def test_what_has_no_name_is_saved_and_nothing_hangs_on_it(body):
    """The relief cannot say to which block it belongs: it is not sent."""
    writer, asked = server(made("", body=body))
    account = writer.save(drafts(), None)
    assert account.saved == ["Block"]
    assert account.failed == [("Relief", Trouble.NOT_TRIED)]
    assert len(asked) == 2


def test_what_was_there_before_is_told_apart():
    """Another press has saved it."""
    there = made("Procedure/7", status=200)
    account = server(there, made("Observation/8"), made("Provenance/9"))[0].save(
        drafts(), told
    )
    assert (account.already, account.saved) == (["Block"], ["Relief"])
    assert account.has_provenance


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        (Fault.TIMEOUT, Trouble.UNKNOWN),
        (Fault.UNREACHABLE, Trouble.UNKNOWN),
        (Fault.TLS, Trouble.SERVER),
        (Fault.REFUSED_ADDRESS, Trouble.SERVER),
    ],
)
def test_no_answer_is_not_taken_for_a_refusal(fault, trouble):
    """It may be saved or not; only what was never sent is surely not."""
    writer, _ = server(FHIRError(fault))
    account = writer.save(drafts(), None)
    assert account.failed == [("Block", trouble), ("Relief", Trouble.NOT_TRIED)]


@pytest.mark.parametrize(
    "answer",
    [
        {"entry": [{"response": {"status": "201 Created"}}]},
        {"entry": [{"response": {"status": "x"}}] * 2},
        {},
        [],
    ],
    ids=str,
)
def test_a_transaction_that_does_not_say_what_became_of_it_is_unknown(answer):
    """Nobody is told that it is saved."""
    account = server(answer, metadata=TRANSACTIONS)[0].save(drafts(), None)
    assert account.saved == []
    assert {why for _, why in account.failed} == {Trouble.UNKNOWN}


def test_entries_of_a_transaction_that_were_there_are_told_apart():
    """201 is new, 200 was there."""
    said = [{"response": {"status": each}} for each in ("200 OK", "201 Created")]
    account = server({"entry": said}, metadata=TRANSACTIONS)[0].save(drafts(), None)
    assert (account.already, account.saved) == (["Block"], ["Relief"])


def there(draft, name, status="final", *, voided=0):
    """A resource that was created from a draft before."""
    again = replace(draft, voided=voided).written
    return {**again, "id": name, "status": status}


@pytest.mark.parametrize("metadata", [TRANSACTIONS, {}], ids=["together", "alone"])
def test_what_is_there_is_not_sent_again(metadata):
    """Though the server may not heed conditions; what hangs on it names it."""
    block, relief = drafts()
    said = {"entry": [{"response": {"status": "201 Created"}}] * 2}
    answers = [said] if metadata else [made("Observation/8"), made("Provenance/9")]
    writer, asked = server(*answers, metadata=metadata, there=[there(block, "7")])
    account = writer.save([block, relief], told)
    assert (account.already, account.saved) == (["Block"], ["Relief"])
    assert account.has_provenance
    sent = asked[1][3]
    sent = sent["entry"][0]["resource"] if metadata else sent
    assert sent["partOf"] == [{"reference": "Procedure/7"}]


def test_if_all_is_there_nothing_is_sent_and_no_second_provenance():
    """A transaction whose answer was lost, sent again."""
    known = [there(each, str(n)) for n, each in enumerate(drafts())]
    writer, asked = server(metadata=TRANSACTIONS, there=known)
    assert writer.save(drafts(), told).already == ["Block", "Relief"]
    assert asked == []


@pytest.mark.parametrize("times", [1, 2])
def test_what_was_entered_in_error_can_be_entered_again(times):
    """Under an identifier of its own: the one of the void entry is used up."""
    block, relief = drafts()
    void = [there(block, str(n), "entered-in-error", voided=n) for n in range(times)]
    writer, asked = server(made("Procedure/9"), made("Observation/8"), there=void)
    account = writer.save([block, relief], None)
    assert account.saved == ["Block", "Relief"]
    used = {each["identifier"][0]["value"] for each in void}
    assert asked[1][3]["identifier"][0]["value"] not in used
    assert asked[2][3]["partOf"] == [{"reference": "Procedure/9"}]


@pytest.mark.parametrize("metadata", [TRANSACTIONS, {}], ids=["together", "alone"])
def test_a_void_entry_that_no_search_finds_is_not_called_saved(metadata):
    """The condition met it: nothing was created, and the remedy is told."""
    block, _ = drafts()
    void = there(block, "7", "entered-in-error")
    said = {"entry": [{"response": {"status": "200 OK"}, "resource": void}]}
    body = json.dumps(void).encode()
    answer = said if metadata else made("Procedure/7", status=200, body=body)
    account = server(answer, metadata=metadata)[0].save([block], None)
    assert account.failed == [("Block", Trouble.WITHDRAWN)]
    assert account.saved == account.already == []
    assert "enter it in the record system" in account.told(str)["failed"][0]["why"]


@pytest.mark.parametrize(
    "reply",
    [
        FHIRError(Fault.TIMEOUT),
        Reply(403, "", "", b"{}"),
        Reply(200, "", "", b"<html>"),
        Reply(200, "", "", b"[]"),
        Reply(200, "", "", b'{"entry": [7, {"resource": 7}, {"resource": {}}]}'),
    ],
    ids=lambda value: str(value)[:60],
)
def test_where_nothing_can_be_searched_the_condition_has_to_do(reply):
    """It is sent with each entry."""
    writer, asked = server(made("Procedure/7"), made("Observation/8"))
    plain = writer.access.exchange

    def exchange(*args, path, **named):
        if "?identifier=" not in path:
            return plain(*args, path=path, **named)
        if isinstance(reply, Exception):
            raise reply
        return reply

    blind = replace(writer, access=SimpleNamespace(exchange=exchange))
    assert blind.save(drafts(), None).saved == ["Block", "Relief"]
    assert all("If-None-Exist" in headers for _, _, headers, _ in asked[1:])


@pytest.mark.parametrize(
    "metadata",
    [
        FHIRError(Fault.TIMEOUT),
        [],
        {"rest": None},
        {"rest": [None]},
        Reply(403, "", "", b"{}"),
        Reply(200, "", "", b"<html>"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_without_a_capability_statement_nothing_is_bundled(metadata):
    """One by one works everywhere."""
    writer, asked = server(
        made("Procedure/7"), made("Observation/8"), metadata=metadata
    )
    assert writer.save(drafts(), None).saved == ["Block", "Relief"]
    assert [path for _, path, *_ in asked] == ["metadata", "Procedure", "Observation"]


class Slow:
    """A server whose every answer takes so long, by a clock that only it moves."""

    def __init__(self, answer_s, *, reading_s=0.0, metadata=TRANSACTIONS):
        self.answer_s, self.metadata, self.asked = answer_s, metadata, []
        self.now_s = 0.0
        pressed = Deadline(BEGUN_WITHIN_S, clock=lambda: self.now_s)
        self.now_s += reading_s
        ehr = EHR(Client("north"), _OPEN_APP, BASE)
        access = SimpleNamespace(exchange=self.exchange)
        self.writer = Writer(access, ehr, "t0ken", pressed)

    def exchange(self, base_url, networks, *, path, method, headers, body):
        patience_s = assembly._LIMITS.total_s
        self.now_s += min(self.answer_s, patience_s)
        self.asked.append(path.partition("?")[0])
        if self.answer_s > patience_s:
            raise FHIRError(Fault.TIMEOUT)
        said = self.metadata if path == "metadata" else {}
        status = 201 if method == "POST" else 200
        return Reply(status, "", "", json.dumps(said).encode(), f"{path}/7")


@pytest.mark.parametrize("metadata", [TRANSACTIONS, {}], ids=["together", "alone"])
@pytest.mark.parametrize("reading_s", [0.0, 1.5, 3.0])
@pytest.mark.parametrize("answer_s", [0.4, 0.9, 1.2, 1.9, 2.4, 3.9, 9.0])
def test_a_slow_server_ends_the_saving_and_not_the_worker(
    answer_s, reading_s, metadata
):
    """Read before, written, read again: all told the clinician has an answer."""
    slow = Slow(answer_s, reading_s=reading_s, metadata=metadata)
    account = slow.writer.save(drafts(), told)
    assert len(account.saved) + len(account.failed) == 2
    again_s = Limits().total_s  # of the reading after it, which began at its end
    assert slow.now_s + again_s < timeout - 2


def test_what_was_not_begun_in_time_is_told_as_such():
    """Nothing came before it that could explain it; to save again may help."""
    account = Slow(2.6, metadata={}).writer.save(drafts(), told)
    assert account.failed == [("Block", Trouble.SLOW), ("Relief", Trouble.SLOW)]
    assert "save again" in account.told(str)["failed"][0]["why"]
    late = Slow(1.3, metadata={})
    account = late.writer.save(drafts(), told)
    assert account.failed == [("Relief", Trouble.SLOW)]
    assert late.asked == ["Procedure", "Observation", "metadata", "Procedure"]


def test_an_entry_that_a_bundle_refused_is_not_called_there_already():
    """A server that takes some of a transaction, against the specification."""
    said = [{"response": {"status": each}} for each in ("412 Failed", "201 Created")]
    account = server({"entry": said}, metadata=TRANSACTIONS)[0].save(drafts(), None)
    assert (account.already, account.saved) == ([], ["Relief"])
    assert account.failed == [("Block", Trouble.NOT_UNIQUE)]


def _texts(found, reports):
    return read_reports(found, Found(reports), "p1", (BASE,)).shown


def record(*observations):
    return PatientRecord(None, None, [], observations, [])


def report(**changes):
    given = {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "status": "final",
        "category": [{"coding": [{"code": "RAD"}]}],
        "code": {"coding": [{"display": "XR spine"}]},
        "effectiveDateTime": "2026-04-09T10:00:00Z",
        "subject": {"reference": "Patient/p1"},
        "conclusion": " Cobb 12 ",
    }
    return {**given, **changes}


def test_a_report_is_shown_with_title_and_day():
    """As it stands in the record."""
    (shown,) = _texts(record(), [report()])
    assert (shown.title, shown.day, shown.text) == ("XR spine", "2026-04-09", "Cobb 12")
    assert shown.source == "DiagnosticReport/r1"


@pytest.mark.parametrize(
    "reference",
    ["Patient/p2", "https://other.example/fhir/Patient/p1", "Group/p1", None],
)
def test_nobody_elses_report_is_shown(reference):
    """A server that does not heed `patient=` sends those of others as well."""
    other = report(id="r2", subject={"reference": reference})
    value = {**other, "resourceType": "Observation", "valueString": "Cobb 30"}
    shown = list(_texts(record(value), [other, report()]))
    assert [each.source for each in shown] == ["DiagnosticReport/r1"]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "entered-in-error"},
        {"conclusion": None},
        {"conclusion": " "},
        {"category": [{"coding": [{"code": "LAB"}]}]},
    ],
    ids=str,
)
def test_what_is_no_report_of_images_is_not_shown(changes):
    """Withdrawn, empty, or of the laboratory."""
    assert list(_texts(record(), [report(**changes)])) == []


@pytest.mark.parametrize(
    ("changes", "title", "day"),
    [
        ({"code": None}, "", "2026-04-09"),
        ({"code": {"coding": [7]}}, "", "2026-04-09"),
        ({"category": None}, "XR spine", "2026-04-09"),
        ({"category": [7, {"coding": 7}, {"coding": [7]}]}, "XR spine", "2026-04-09"),
        ({"effectiveDateTime": "then"}, "XR spine", ""),
        ({"effectiveDateTime": None}, "XR spine", ""),
        ({"effectiveDateTime": 7, "issued": "2026-04-10"}, "XR spine", "2026-04-10"),
    ],
    ids=str,
)
def test_a_report_that_is_badly_written_is_shown_all_the_same(changes, title, day):
    """Its text counts; what else it lacks is left open."""
    (shown,) = _texts(record(), [report(**changes)])
    assert (shown.title, shown.day) == (title, day)


def test_a_value_that_was_recorded_as_text_is_shown():
    """The extraction cannot read it; a clinician can."""
    text = {"resourceType": "Observation", "id": "o1", "valueString": "Cobb 12 deg"}
    text["subject"] = {"reference": f"{BASE}/Patient/p1"}
    wrong = {**text, "status": "entered-in-error"}
    (shown,) = _texts(record(text, wrong, {}), [])
    assert shown.text == "Cobb 12 deg"
    assert list(_texts(replace_observations(), [])) == []


def replace_observations():
    return replace(record(), observations=None)


def test_where_no_thread_is_to_be_had_reports_are_said_to_be_unread():
    """The form opens; nothing looks as if there were no reports."""

    def submit(*_):
        raise RuntimeError("can't start new thread")

    pool, client = SimpleNamespace(submit=submit), SimpleNamespace(look=None)
    assert not _begun(pool, client, SimpleNamespace(patient="p1")).result().was_read


def test_reports_of_images_come_first_and_the_newest_of_them():
    """Whatever order the server gives; the clinician looks for one film."""
    plain = report(id="plain", category=None, effectiveDateTime="2026-04-20")
    dateless = report(id="dateless", effectiveDateTime=None)
    old = report(id="old", effectiveDateTime="2026-03-01")
    shown = _texts(record(), [plain, dateless, old, report()])
    names = [each.source.partition("/")[2] for each in shown]
    assert names == ["r1", "old", "dateless", "plain"]


def test_what_is_not_shown_is_counted():
    """Eight are enough to read; that there are more is said."""
    many = [report(id=f"r{n}") for n in range(11)]
    found = read_reports(record(), Found(many), "p1", (BASE,))
    assert (len(found.shown), found.left_out) == (8, 3)


@pytest.mark.parametrize(
    ("status", "is_final"), [("final", True), ("preliminary", False), (None, False)]
)
def test_a_report_that_is_not_final_says_so(status, is_final):
    """It may be withdrawn tomorrow."""
    (shown,) = _texts(record(), [report(status=status)])
    assert shown.is_final is is_final


def test_a_long_report_that_is_cut_shows_where():
    """Its conclusion may stand at the end."""
    (shown,) = _texts(record(), [report(conclusion="x" * 7000)])
    assert shown.text.endswith("x […]")


def bundle(*resources, is_last=True):
    """A page of a search."""
    link = [] if is_last else [{"relation": "next", "url": f"{BASE}?page=2"}]
    entries = [{"resource": each, "search": {"mode": "match"}} for each in resources]
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": entries,
        "link": link,
    }


def looked(*answers):
    """Look for reports at a server that answers so; gives what was asked as well."""
    asked, left = [], list(answers)

    def look(path):
        asked.append(path)
        answer = left.pop(0)
        fault = None if isinstance(answer, dict) else answer
        return Look(answer if fault is None else None, fault, (), 1.0)

    return look_for_reports(look, "p1"), asked


def test_of_many_reports_those_of_images_are_asked_for_as_well():
    """Fifty reports of the laboratory hide no film; that there are more is said."""
    laboratory = report(id="lab", category=[{"coding": [{"code": "LAB"}]}])
    film = report(id="film")
    found, asked = looked(bundle(laboratory, film, is_last=False), bundle(film))
    assert found.is_cut
    assert [each["id"] for each in found.resources] == ["film", "lab"]
    assert asked[0] == "DiagnosticReport?patient=p1&_sort=-date&_count=50"
    assert "category=RAD,RX,CT" in asked[1]


def test_where_the_category_cannot_be_searched_the_newest_of_all_are_shown():
    """And that there are more is said all the same."""
    found, _ = looked(bundle(report(), is_last=False), Fault.REJECTED)
    assert (len(found.resources), found.is_cut, found.was_read) == (1, True, True)


def test_reports_that_could_not_be_had_are_not_called_none():
    """Without leave there is no list, which says nothing about the films."""
    assert looked(Fault.FORBIDDEN)[0] == Found(was_read=False)
    assert looked(bundle())[0] == Found()


@pytest.mark.parametrize("said", ["nan", "inf", "-inf", None, [], "soon", 10**400])
def test_a_life_that_is_no_number_ends_with_the_session(said):
    """Not-a-number is less than nothing and no more than it: it would never end."""
    assert _life_s(said) == SESSION_S


@pytest.mark.parametrize("leave", ["search", "ur", "cc", "", "sc", "create"])
def test_letters_in_another_order_give_no_leave_to_create(leave):
    """SMART 2 writes them in the order of cruds; a word with a c in it is none."""
    assert not may_create([f"patient/Observation.{leave}"], "Observation")


@pytest.mark.parametrize("leave", ["c", "cr", "crs", "cud", "cruds", "write", "*"])
def test_leave_to_create_is_read_from_both_versions(leave):
    """Letters of SMART 2, words of SMART 1."""
    assert may_create([f"patient/Observation.{leave}"], "Observation")


@pytest.mark.parametrize(
    ("patient", "said"),
    [
        (None, ("", "")),
        ({}, ("", "")),
        ({"name": "Ada"}, ("", "")),
        ({"name": ["Ada"]}, ("", "")),
        ({"name": [{"text": "Ada A."}], "birthDate": "1950"}, ("Ada A.", "1950")),
        ({"name": [{"given": "Ada", "family": "A."}]}, ("A.", "")),
        ({"name": [{"given": ["Ada", 7], "family": "A."}]}, ("Ada A.", "")),
        ({"name": [{}], "birthDate": 7}, ("", "")),
    ],
)
def test_who_is_not_named_is_not_guessed(patient, said):
    """The page says that the name could not be read."""
    assert _person(patient) == said


@pytest.mark.parametrize(
    "token",
    ["e30.e30.AAAA", "x", "eyJhbGciOiJub25lIn0.e30.AAAA"],
)
def test_a_token_without_claims_is_refused_before_any_key_is_asked_for(token):
    """Nobody makes this service read keys with garbage."""
    with pytest.raises(Refused, match="identity"):
        clinician_of(
            token,
            issuer="https://ehr.example.org",
            audience="scnen",
            nonce="n",
            keys=lambda: pytest.fail("keys were read"),
            bases=(BASE,),
            now_s=0,
        )
