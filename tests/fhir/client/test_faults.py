"""Every way in which a server can fail has one name, and a part is never the whole."""

import gzip
import json
import os
import socket
import time
import zlib

import pytest

from cds_hooks.prefetch import Availability, PrefetchedData
from service.fhir.client import Fault

HTML = b"<!doctype html><title>Log in</title>"


@pytest.fixture
def refused():
    """Assert that nothing was taken, and why."""

    def check(found, fault):
        assert found.fault is fault
        assert found.data.availability is Availability.UNAVAILABLE
        assert found.data.resources == ()
        assert found.data.next_url is None

    return check


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (401, Fault.NOT_AUTHORISED),
        (403, Fault.FORBIDDEN),
        (404, Fault.NOT_FOUND),
        (410, Fault.GONE),
        (429, Fault.TOO_MANY_REQUESTS),
        (400, Fault.REJECTED),
        (405, Fault.REJECTED),
        (499, Fault.REJECTED),
        (500, Fault.SERVER_ERROR),
        (503, Fault.SERVER_ERROR),
        (599, Fault.SERVER_ERROR),
        (204, Fault.NOT_FHIR),
        (206, Fault.NOT_FHIR),
        (103, Fault.NOT_FHIR),
        (999, Fault.NOT_FHIR),
    ],
)
@pytest.mark.parametrize("kind", ["read", "search"])
def test_a_status_has_its_fault(request, kit, refused, kind, status, fault):
    """404 and 410 too: that something is not there is not that there is nothing."""
    ask = request.getfixturevalue(kind)
    refused(ask(kit.http(status, kit.outcome("not-found"))), fault)


def test_the_codes_of_a_refusal_are_kept_and_its_words_are_not(read, kit):
    """Codes are the standard's; words may name the patient."""
    found = read(kit.http(403, kit.outcome("suppressed")))
    assert found.data == PrefetchedData(
        Availability.UNAVAILABLE, issue_codes=("suppressed",)
    )
    assert "Smith" not in f"{found!r} {found.data!r}"


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize(
    "place", ["{base}/Patient/p1", "https://elsewhere.example/", ""]
)
def test_no_redirect_is_followed(server, read, kit, refused, status, place):
    """Not elsewhere, not to the very same place."""
    line = f"Location: {place.format(base=server.base)}"
    refused(read(kit.http(status, b"", "text/html", line)), Fault.REDIRECT)
    assert len(server.received) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_that_passes_is_got_over(server, read, kit, status):
    """Reads and searches change nothing: they may be sent again."""
    found = read(kit.http(status, HTML, "text/html"), kit.http(200, kit.patient()))
    assert found.fault is None
    assert len(server.received) == 2


def test_a_server_error_that_stays_is_reported_after_three_attempts(server, read, kit):
    """Then it is somebody else's turn."""
    assert read(kit.http(500)).fault is Fault.SERVER_ERROR
    assert len(server.received) == 3


def test_a_form_is_sent_again_too(server, fetch, kit):
    """A search by POST is a search."""
    query = {"conditions": ("Condition?code=" + "1," * 2000, "Condition")}
    good = kit.http(200, kit.bundle())
    server.script["/fhir/Condition/_search"] = [kit.http(503), good]
    assert fetch(query)["conditions"].data.availability is Availability.EMPTY
    assert server.received[0].body == server.received[1].body != b""


@pytest.mark.parametrize("status", [401, 403, 404, 410, 400, 429, 200])
def test_what_another_attempt_cannot_mend_is_not_sent_again(server, read, kit, status):
    """It would only cost time, and the server's patience."""
    assert read(kit.http(status, HTML, "text/html")).fault is not None
    assert len(server.received) == 1


@pytest.mark.parametrize("kind", ["read", "search"])
@pytest.mark.parametrize("severity", ["error", "fatal", "warning"])
def test_an_outcome_in_the_place_of_the_answer_is_none(
    request, kit, refused, kind, severity
):
    """With 200, as some servers do. A warning alone is no result either."""
    answer = kit.http(200, kit.outcome("processing", severity))
    found = request.getfixturevalue(kind)(answer)
    refused(found, Fault.OUTCOME)
    assert found.data.issue_codes == ("processing",)


def test_an_error_among_the_entries_spoils_the_page(search, kit, refused):
    """Something was not searched, and nobody knows what."""
    page = kit.bundle(kit.condition(1), kit.outcome("timeout"))
    refused(search(kit.http(200, page)), Fault.OUTCOME)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (HTML, "text/html"),
        (HTML, "application/fhir+json"),
        (b'{"resourceType": "Patient", "id": "p1"}', "text/html"),
        (b'{"resourceType": "Patient", "id": "p1"}', "application/fhir+xml"),
        (b'{"resourceType": "Patient", "id": "p1"}', "text/plain"),
        (b'{"resourceType": "Patient", "id": "p1"}', ""),
        (b'{"resourceType": "Patient", "id": "p1"}', "application/json;charset=latin1"),
        (b'{"resourceType": "Patient", "id": "p1"', "application/fhir+json"),
        (b'{"resourceType": "Patient", "id": "p1"}}', "application/fhir+json"),
        (b'{"resourceType": "Patient", "id": NaN}', "application/fhir+json"),
        (b'{"resourceType": "\xe9"}', "application/fhir+json"),
        (b"[" * 100_000, "application/fhir+json"),
        (b"", "application/fhir+json"),
        (b"[]", "application/fhir+json"),
        (b"null", "application/fhir+json"),
        (b"{}", "application/fhir+json"),
        (b'{"resourceType": 1, "id": "p1"}', "application/fhir+json"),
        (b'{"resourceType": "Observation", "id": "p1"}', "application/fhir+json"),
        (b'{"resourceType": "Patient", "id": "p2"}', "application/fhir+json"),
        (b'{"resourceType": "Patient"}', "application/fhir+json"),
        (b'{"resourceType": "Patient", "id": ["p1"]}', "application/fhir+json"),
        (b'{"resourceType": "Bundle", "entry": []}', "application/fhir+json"),
        (
            b'{"resourceType": "Bundle", "id": "p1", "type": "searchset", "entry": '
            b'[{"resource": {"resourceType": "Patient", "id": "p1"}}]}',
            "application/fhir+json",
        ),
    ],
)
def test_what_is_not_the_resource_asked_for_is_refused(
    read, kit, refused, body, content_type
):
    """HTML, another type, no JSON, another resource: 200 makes none of them right."""
    refused(read(kit.http(200, body, content_type)), Fault.NOT_FHIR)


@pytest.mark.parametrize(
    "page",
    [
        {"resourceType": "Condition", "id": "c1"},
        {"resourceType": "Bundle", "type": "history"},
        {"resourceType": "Bundle", "type": ["searchset"]},
        {"resourceType": "Bundle", "type": "searchset", "entry": {}},
        {"resourceType": "Bundle", "type": "searchset", "entry": ["Mr Smith"]},
        {"resourceType": "Bundle", "type": "searchset", "entry": [None, 1]},
        {"resourceType": ["Bundle"]},
    ],
)
def test_what_is_no_page_of_results_is_refused(search, kit, refused, page):
    """A Bundle of another kind says that the search was not understood."""
    refused(search(kit.http(200, page)), Fault.NOT_FHIR)


def test_illegible_entries_beside_others_are_counted(search, kit):
    """They may have been what was asked for."""
    page = kit.bundle(kit.condition(1), kit.condition(2))
    page["entry"][1] = {"resource": "Mr Smith"}
    page["entry"] += [None, {"resource": None}]
    found = search(kit.http(200, page))
    assert found.data.dropped == 3
    assert found.data.resources == (kit.condition(1),)


def test_an_entry_without_a_legible_id_is_like_no_other(server, search, kit):
    """Nested a thousand times, or missing: each of them counts, page after page."""
    deep = b"[" * 1000 + b"]" * 1000
    bare = {"resourceType": "Condition"}
    page_2 = json.dumps(kit.bundle({**bare, "id": "?"}, bare)).encode()
    server.script["/fhir/Condition?page=2"] = kit.http(
        200, page_2.replace(b'"?"', deep)
    )
    page = kit.bundle({**bare, "id": "?"}, bare, next_url="Condition?page=2")
    found = search(kit.http(200, json.dumps(page).encode().replace(b'"?"', deep)))
    assert found.fault is None
    assert len(found.data.resources) == 4


@pytest.mark.parametrize("kind", ["read", "search"])
def test_a_defect_that_an_answer_sets_off_is_a_fault_of_that_query(
    request, kit, refused, monkeypatch, caplog, kind
):
    """The log has the class of the error and its place, not its text."""

    def defect(*_):
        raise RecursionError("Mr Smith")

    monkeypatch.setattr("service.fhir.client.paging._checked", defect)
    answer = kit.http(200, kit.patient() if kind == "read" else kit.bundle())
    refused(request.getfixturevalue(kind)(answer), Fault.NOT_FHIR)
    assert f"RecursionError at {__name__}:" in caplog.text
    assert "Smith" not in caplog.text


@pytest.mark.parametrize("total", [2, 1e9, "many", -0.5, True])
def test_a_total_that_disagrees_makes_the_result_incomplete(
    search, kit, refused, total
):
    """More than was sent, or a number nobody can read."""
    page = kit.http(200, kit.bundle(kit.condition(1), total=total))
    if total in (-0.5, True):
        assert search(page).fault is None
    else:
        refused(search(page), Fault.INCOMPLETE)


def test_a_total_of_any_page_counts(server, search, kit, refused):
    """The first said five; the last says nothing."""
    server.script["/fhir/Condition?page=2"] = kit.http(200, kit.bundle())
    page = kit.bundle(kit.condition(1), total=5, next_url="Condition?page=2")
    refused(search(kit.http(200, page)), Fault.INCOMPLETE)


def test_a_total_of_another_page_that_nobody_can_read_counts(
    server, search, kit, refused
):
    """There may be more."""
    page_2 = kit.bundle(kit.condition(2), total=2)
    server.script["/fhir/Condition?page=2"] = kit.http(200, page_2)
    page = kit.bundle(kit.condition(1), total="two", next_url="Condition?page=2")
    refused(search(kit.http(200, page)), Fault.INCOMPLETE)


def test_a_next_link_without_url_makes_the_result_incomplete(search, kit, refused):
    """There is more, and no way to it."""
    page = kit.bundle(kit.condition(1), next_url={"not": "text"})
    refused(search(kit.http(200, page)), Fault.INCOMPLETE)


@pytest.mark.parametrize("status", [500, 404, 200])
def test_pages_before_a_bad_one_are_not_taken(server, search, kit, refused, status):
    """A part of the result is no result."""
    server.script["/fhir/Condition?page=2"] = kit.http(status, HTML, "text/html")
    page = kit.bundle(kit.condition(1), total=2, next_url="Condition?page=2")
    found = search(kit.http(200, page))
    assert found.fault in {Fault.SERVER_ERROR, Fault.NOT_FOUND, Fault.NOT_FHIR}
    refused(found, found.fault)
    assert found.pages == 1


def test_links_that_never_end_are_followed_ten_times(server, search, kit, refused):
    """A calendar of the server's own can go on for ever."""
    for n in range(30):
        page = kit.bundle(kit.condition(n), next_url=f"/fhir/Condition?page={n + 1}")
        server.script[f"/fhir/Condition?page={n}"] = kit.http(200, page)
    page = kit.bundle(next_url="/fhir/Condition?page=0")
    found = search(kit.http(200, page))
    refused(found, Fault.TOO_MANY_PAGES)
    assert (len(server.received), found.pages) == (10, 10)


@pytest.mark.parametrize(
    "link",
    [
        "{search}",
        "{base}/Condition?patient=p1",
        "HTTP://127.0.0.1:{port}/fhir/Condition?patient=p1",
        "",
        "?patient=p1",
        "../fhir/./Condition?patient=p1",
    ],
)
def test_a_page_that_names_itself_as_the_next_is_read_once(
    server, search, kit, refused, link
):
    """However it spells the address."""
    url = link.format(base=server.base, port=server.port, search=kit.search_target)
    found = search(kit.http(200, kit.bundle(kit.condition(1), next_url=url)))
    refused(found, Fault.LOOPING_LINK)
    assert len(server.received) == 1


def test_pages_that_name_each_other_are_read_once(server, search, kit, refused):
    """A loop of two."""
    page_2 = kit.bundle(kit.condition(2), next_url=kit.search_target)
    server.script["/fhir/Condition?page=2"] = kit.http(200, page_2)
    page_1 = kit.bundle(kit.condition(1), next_url="Condition?page=2")
    refused(search(kit.http(200, page_1)), Fault.LOOPING_LINK)
    assert len(server.received) == 2


@pytest.mark.parametrize(
    "link",
    [
        "http://elsewhere.example:{port}/fhir/Condition?page=2",
        "http://localhost:{port}/fhir/Condition?page=2",
        "//elsewhere.example/fhir/Condition?page=2",
        "https://127.0.0.1:{port}/fhir/Condition?page=2",
        "http://127.0.0.1:1/fhir/Condition?page=2",
        "http://127.0.0.1/fhir/Condition?page=2",
        "http://me@127.0.0.1:{port}/fhir/Condition?page=2",
        "http://127.0.0.1:{port}@elsewhere.example/fhir/Condition?page=2",
        "http://127.0.0.1:{port}/fhir2/Condition?page=2",
        "http://127.0.0.1:{port}/admin?page=2",
        "http://127.0.0.1:{port}/fhir/../admin?page=2",
        "http://127.0.0.1:{port}/fhir/%2e%2e/admin?page=2",
        "http://127.0.0.1:{port}/fhir/..%2fadmin?page=2",
        "http://127.0.0.1:{port}/fhir//admin?page=2",
        "http://127.0.0.1:{port}/fhir/..;/admin?page=2",
        "http://127.0.0.1:{port}/fhir/..;x=1/admin?page=2",
        "http://127.0.0.1:{port}\\@elsewhere.example/fhir?page=2",
        "http://127.0.0.1:{port}/fhir/Condition?page=2#top",
        "http://127.0.0.1:{port}/fhir/Condition?page=2\r\nX-Other: 1",
        "http://127.0.0.1:{port}/fh\tir/Condition?page=2",
        "http://2130706433:{port}/fhir/Condition?page=2",
        "http://[::1]:{port}/fhir/Condition?page=2",
        "http://[::1/fhir",
        "http://127.0.0.1:port/fhir?page=2",
        "../../admin?page=2",
        "/admin",
        "/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "ftp://127.0.0.1:{port}/fhir/Condition",
        "urn:uuid:3f0c",
        "/fhir/Condition?page=" + "2" * 9000,
    ],
)
def test_a_link_that_leads_away_is_not_followed(server, search, kit, refused, link):
    """Another host, scheme, port or path; or what can be read in two ways."""
    server.script["*"] = kit.http(200, kit.bundle(kit.condition(2)))
    url = link.format(port=server.port)
    found = search(kit.http(200, kit.bundle(kit.condition(1), next_url=url)))
    refused(found, Fault.FOREIGN_LINK)
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("Patient/../Observation/o1", "Patient"),
        ("Patient/..", "Patient"),
        ("Patient/p1/../p2", "Patient"),
        ("Patient/p1/$everything", "Patient"),
        ("Patient/p1?_include=x", "Patient"),
        ("Patient/p%2f1", "Patient"),
        ("Patient/p1 HTTP/1.1\r\nX: y", "Patient"),
        ("Patient/p1#x", "Patient"),
        ("Patient/", "Patient"),
        ("Patient", "Patient"),
        ("Patient?", "Patient"),
        ("/Patient/p1", "Patient"),
        ("//elsewhere.example/Patient/p1", "Patient"),
        ("https://elsewhere.example/Patient/p1", "Patient"),
        ("", "Patient"),
        ("Observation/o1", "Patient"),
        ("Observation?patient=p1", "Patient"),
        ("Observation?patient=p1#x", "Observation"),
    ],
)
def test_a_query_that_could_lead_elsewhere_is_not_sent(
    server, fetch, refused, query, kind
):
    """Ids come from the request; none of them gets to be a path."""
    refused(fetch({"k": (query, kind)})["k"], Fault.BAD_QUERY)
    assert server.connections == 0


def test_line_breaks_in_a_search_are_quoted(server, fetch, kit):
    """They stay a value."""
    server.script["*"] = kit.http(200, kit.bundle())
    fetch({"k": ("Condition?patient=p1 HTTP/1.1\r\nX: y\u00e9", "Condition")})
    (request,) = server.received
    assert request.target == "/fhir/Condition?patient=p1%20HTTP/1.1%0D%0AX:%20y%C3%A9"
    assert "x" not in request.headers


def test_a_bad_query_does_not_hinder_the_others(server, fetch, kit):
    """Each key has its own result, in the order of the keys."""
    server.script[kit.read_target] = kit.http(200, kit.patient())
    found = fetch({"bad": ("Patient/..", "Patient"), **kit.one_patient})
    assert [each.fault for each in found.values()] == [Fault.BAD_QUERY, None]
    assert list(found) == ["bad", "patient"]


def test_too_many_bytes_on_one_page(search, kit, refused):
    """Refused by the length it states, before it is read."""
    page = kit.bundle({**kit.condition(1), "note": [{"text": "x" * 5000}]})
    refused(search(kit.http(200, page), body_bytes=5000), Fault.TOO_LARGE)


def test_too_many_bytes_on_a_page_of_unknown_length(search, kit, refused):
    """The count decides, not the statement."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\n"
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"

    def send(connection):
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(chunk)

    refused(search(send, body_bytes=500_000), Fault.TOO_LARGE)


def test_too_many_bytes_on_all_pages_together(server, search, kit, refused):
    """Each page alone would do."""
    for n in range(5):
        heavy = {**kit.condition(n), "note": [{"text": "x" * 1000}]}
        page = kit.bundle(heavy, next_url=f"Condition?page={n + 1}")
        server.script[f"/fhir/Condition?page={n}"] = kit.http(200, page)
    page = kit.bundle(next_url="Condition?page=0")
    found = search(kit.http(200, page), body_bytes=3000)
    refused(found, Fault.TOO_LARGE)
    assert found.pages == 3


@pytest.mark.parametrize("members", [1, 20])
def test_a_gzip_bomb_does_not_go_off(search, kit, refused, members):
    """No more is uncompressed than may be, in one piece or in many."""
    size = 50_000_000 // members
    bomb = gzip.compress(bytes(1000) * (size // 1000), 9) * members
    answer = kit.http(200, bomb, "application/fhir+json", "Content-Encoding: gzip")
    began = time.monotonic()
    refused(search(answer), Fault.TOO_LARGE)
    assert time.monotonic() - began < 1


def test_tiny_gzip_members_without_end_are_refused(search, kit, refused):
    """Each holds nothing, and there are as many as fit the budget."""
    bomb = gzip.compress(b"", 9) * 400_000
    answer = kit.http(200, bomb, "application/fhir+json", "Content-Encoding: gzip")
    began = time.monotonic()
    found = search(answer, total_s=0.5)
    assert found.fault in {Fault.TIMEOUT, Fault.NOT_FHIR}
    refused(found, found.fault)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    "encoding", ["deflate", "br", "zstd", "gzip, gzip", "gzip,deflate", "compress"]
)
def test_an_encoding_that_was_not_asked_for_is_refused(read, kit, refused, encoding):
    """A stack of them is a bomb's favourite."""
    body = json.dumps(kit.patient()).encode()
    for _ in range(2):
        body = zlib.compress(body) if encoding == "deflate" else gzip.compress(body)
    line = f"Content-Encoding: {encoding}"
    refused(read(kit.http(200, body, "application/json", line)), Fault.NOT_FHIR)


def test_encodings_on_two_lines_are_a_stack(read, kit, refused):
    """RFC 9110: the same as on one line."""
    body = gzip.compress(gzip.compress(json.dumps(kit.patient()).encode()))
    lines = ["Content-Encoding: gzip", "Content-Encoding: gzip"]
    refused(read(kit.http(200, body, "application/json", *lines)), Fault.NOT_FHIR)


@pytest.mark.parametrize(
    "change", [lambda b: b[:-4], lambda b: b"x" + b, lambda _: b""]
)
def test_a_broken_gzip_stream_is_refused(read, kit, refused, change):
    """Cut off, garbled, or nothing at all."""
    body = change(gzip.compress(json.dumps(kit.patient()).encode()))
    answer = kit.http(200, body, "application/json", "Content-Encoding: gzip")
    refused(read(answer), Fault.NOT_FHIR)


def test_too_many_entries(search, kit, refused):
    """On one page: others than matches count too."""
    page = kit.bundle(*map(kit.condition, range(20)), kit.patient())
    refused(search(kit.http(200, page), entries=20), Fault.TOO_MANY_ENTRIES)


def test_too_many_entries_on_all_pages_together(server, search, kit, refused):
    """Repeated ones count too: somebody has to look at them."""
    for n in range(5):
        page = kit.bundle(*map(kit.condition, range(9)), next_url=f"?page={n + 1}")
        server.script[f"/fhir/Condition?page={n}"] = kit.http(200, page)
    page = kit.bundle(next_url="Condition?page=0")
    found = search(kit.http(200, page), entries=20)
    refused(found, Fault.TOO_MANY_ENTRIES)


@pytest.mark.parametrize(
    "head",
    [
        b"".join(b"X-%d: y\r\n" % n for n in range(101)),
        b"X: " + b"y" * 70_000 + b"\r\n",
        b"X: " + b"y" * 60_000 + b"\r\n" + b"Y: " + b"y" * 60_000 + b"\r\n",
    ],
)
def test_a_flood_of_headers_is_not_taken(read, kit, refused, head):
    """Too many, or too long ones; two of the longest are borne."""
    body = json.dumps(kit.patient()).encode()
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        + head
        + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    found = read(answer)
    if b"Y: " in head:
        assert found.fault is None
    else:
        refused(found, Fault.TOO_LARGE)


def test_a_flood_of_interim_answers_is_not_taken(read, refused):
    """100 Continue, for ever."""

    def send(connection):
        while True:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)

    refused(read(send), Fault.TOO_LARGE)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"220 mail.example.org ESMTP\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(read, refused, answer):
    """Another service at that port."""
    refused(read(lambda connection: connection.sendall(answer)), Fault.NOT_FHIR)


@pytest.mark.parametrize("is_chunked", [True, False])
def test_a_truncated_body_is_no_answer(server, read, kit, refused, is_chunked):
    """Shorter than it said, though it would be valid JSON."""
    body = json.dumps(kit.patient()).encode()
    line = "Transfer-Encoding: chunked" if is_chunked else "Content-Length: 999"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{line}\r\n\r\n"
    sent = b"%x\r\n%b" % (len(body) + 1, body) if is_chunked else body
    found = read(lambda connection: connection.sendall(head.encode() + sent))
    refused(found, Fault.UNREACHABLE)
    assert len(server.received) == 3


def test_a_length_that_is_too_short_cuts_the_answer(read, kit, refused):
    """What follows belongs to nobody."""
    body = json.dumps(kit.patient())
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9"
    found = read(lambda c: c.sendall(f"{head}\r\n\r\n{body}".encode()))
    refused(found, Fault.NOT_FHIR)


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"-5\r\n", b"5" * 70_000 + b"\r\n"])
def test_a_chunk_of_no_size_is_no_answer(read, refused, chunk):
    """A size that nobody can read."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    answer = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk
    found = read(lambda connection: connection.sendall(answer))
    assert found.fault in {Fault.UNREACHABLE, Fault.TOO_LARGE, Fault.NOT_FHIR}
    refused(found, found.fault)


def test_a_refusal_whose_body_cannot_be_read_is_that_refusal(server, read, kit):
    """The status says enough; the connection is not used again."""
    for _ in range(2):
        found = read(kit.http(404, os.urandom(100_000), "application/octet-stream"))
        assert found.fault is Fault.NOT_FOUND
        assert found.data.issue_codes == ()
    assert server.connections == 2


def test_a_refused_connection_is_tried_again(open_access, kit, refused):
    """The server may just be starting."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    pauses = []

    def start(seconds):
        pauses.append(seconds)
        if len(pauses) == 2:
            started.append(server.__enter__())
            started[0].script["*"] = kit.http(200, kit.patient())

    started, server = [], kit.serving(port=port)
    waiting = kit.waiting(pause=start, chance=lambda: 0.5)
    client = open_access(waiting=waiting).client(f"http://127.0.0.1:{port}/fhir")
    try:
        assert client.fetch(kit.one_patient)["patient"].fault is None
    finally:
        server.__exit__(None, None, None)
    assert pauses == pytest.approx([0.15, 0.25])


def test_a_server_that_is_not_there_is_unreachable(open_access, kit, refused):
    """After all attempts."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    client = open_access().client(f"http://127.0.0.1:{port}/fhir")
    refused(client.fetch(kit.one_patient)["patient"], Fault.UNREACHABLE)


def test_a_reset_connection_is_unreachable(server, read, kit, refused):
    """Before the answer or in the middle of it."""

    def reset(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{")
        linger = b"\1\0\0\0\0\0\0\0"
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    refused(read(reset), Fault.UNREACHABLE)
    assert len(server.received) == 3


def test_a_reset_that_passes_is_got_over(read, kit):
    """The next connection serves."""
    found = read(lambda connection: None, kit.http(200, kit.patient()))
    assert found.fault is None
