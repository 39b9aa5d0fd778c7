"""Reads and searches that go well, in all the ways in which servers do them."""

import gzip
import json
import time

import pytest

from cds_hooks.prefetch import Availability
from service.fhir.client import Bearer, Fault, Limits

COMPLETE, EMPTY = Availability.COMPLETE, Availability.EMPTY


def test_a_read_gives_the_resource(read, kit):
    """Type and id are those asked for."""
    found = read(kit.http(200, kit.patient()))
    assert found.data.availability is COMPLETE
    assert found.data.resources == (kit.patient(),)
    assert (found.fault, found.pages) == (None, 1)
    assert 0 < found.milliseconds < 1000


def test_a_search_gives_all_matches(search, kit):
    """On one page they are all there is."""
    found = search(kit.http(200, kit.bundle(*map(kit.condition, range(3)), total=3)))
    assert found.data.availability is COMPLETE
    assert [each["id"] for each in found.data.resources] == ["c0", "c1", "c2"]


@pytest.mark.parametrize("total", [0, None])
def test_a_search_may_find_nothing(search, kit, total):
    """Nothing found is an answer, not a fault."""
    found = search(kit.http(200, kit.bundle(total=total)))
    assert found.data.availability is EMPTY
    assert found.fault is None


def test_included_resources_and_warnings_are_not_matches(search, kit):
    """As Epic sends it: a warning among the entries, and what was not asked for."""
    page = kit.bundle(kit.condition(1), total=1)
    page["entry"] += [
        {"resource": kit.outcome(severity="warning"), "search": {"mode": "outcome"}},
        {"resource": kit.patient(), "search": {"mode": "include"}},
    ]
    found = search(kit.http(200, page))
    assert found.data.availability is COMPLETE
    assert found.data.resources == (kit.condition(1),)
    assert found.data.issue_codes == ("processing",)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/fhir+json",
        "application/json",
        "application/json+fhir",
        'Application/FHIR+JSON; fhirVersion=4.0; charset="UTF-8"',
    ],
)
def test_content_types_of_fhir_are_taken(read, kit, content_type):
    """Servers of all ages."""
    assert read(kit.http(200, kit.patient(), content_type)).fault is None


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
def test_a_compressed_answer_is_uncompressed(read, kit, encoding):
    """It was asked for."""
    body = gzip.compress(json.dumps(kit.patient()).encode())
    answer = kit.http(200, body, "application/json", f"Content-Encoding: {encoding}")
    assert read(answer).data.resources == (kit.patient(),)


def test_a_body_of_several_gzip_members_is_one_body(read, kit):
    """RFC 1952 allows it, and some gateways do it."""
    text = json.dumps(kit.patient()).encode()
    body = gzip.compress(text[:9]) + gzip.compress(text[9:])
    answer = kit.http(200, body, "application/json", "Content-Encoding: gzip")
    assert read(answer).data.resources == (kit.patient(),)


def test_a_chunked_answer_is_put_together(read, kit):
    """So do most servers that do not know the length beforehand."""
    text = json.dumps(kit.patient()).encode()
    chunks = b"".join(b"%x\r\n%b\r\n" % (1, text[i : i + 1]) for i in range(len(text)))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    answer = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    assert read(answer).data.resources == (kit.patient(),)


def test_an_answer_may_end_with_the_connection(server, read, kit):
    """HTTP/1.0, and nothing is read from that connection again."""
    text = json.dumps(kit.patient()).encode()
    head = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"
    for _ in range(2):
        found = read(lambda connection: connection.sendall(head + text))
        assert found.data.resources == (kit.patient(),)
    assert server.connections == 2


def test_all_pages_are_read(server, search, kit):
    """Links may be absolute, relative to the page, to the host, or to the base."""
    last = kit.bundle(kit.condition(4), total=5)
    server.script["/fhir?_getpages=1&x=a%20%7Cb"] = kit.http(200, last)
    page_3 = kit.bundle(kit.condition(3), next_url=f"{server.base}?_getpages=1&x=a |b")
    server.script["/fhir/Condition?page=3"] = kit.http(200, page_3)
    page_2 = kit.bundle(kit.condition(2), next_url="Condition?page=3")
    server.script["/fhir/Condition?page=2"] = kit.http(200, page_2)
    first = kit.bundle(
        kit.condition(0), kit.condition(1), total=5, next_url="/fhir/Condition?page=2"
    )
    found = search(kit.http(200, first))
    assert found.data.availability is COMPLETE
    assert [each["id"] for each in found.data.resources] == [f"c{i}" for i in range(5)]
    assert found.data.next_url is None
    assert found.pages == 4


def test_the_host_of_a_link_may_be_spelt_otherwise(server, search, kit):
    """Case and a slash more are no other place."""
    url = f"HTTP://127.0.0.1:{server.port}/fhir/?page=2"
    server.script["/fhir?page=2"] = kit.http(200, kit.bundle(kit.condition(2)))
    found = search(kit.http(200, kit.bundle(kit.condition(1), next_url=url)))
    assert len(found.data.resources) == 2


def test_an_entry_that_comes_on_two_pages_counts_once(server, search, kit):
    """Results that shifted between two requests do not make up for one another."""
    second = kit.bundle(kit.condition(2), kit.condition(3))
    server.script["/fhir/Condition?page=2"] = kit.http(200, second)
    first = [kit.condition(1), kit.condition(2)]
    link = "Condition?page=2"
    found = search(kit.http(200, kit.bundle(*first, next_url=link, total=3)))
    assert [each["id"] for each in found.data.resources] == ["c1", "c2", "c3"]
    found = search(kit.http(200, kit.bundle(*first, next_url=link, total=4)))
    assert found.fault is Fault.INCOMPLETE


def test_versions_of_one_resource_on_two_pages_are_both_kept(server, search, kit):
    """Which of them counts is not decided here."""
    newer = {**kit.condition(1), "recordedDate": "2024"}
    server.script["/fhir/Condition?page=2"] = kit.http(200, kit.bundle(newer))
    page = kit.bundle(kit.condition(1), next_url="Condition?page=2")
    assert search(kit.http(200, page)).data.resources == (kit.condition(1), newer)


def test_a_request_says_what_it_wants_and_no_more(server, read, kit):
    """Headers that a server may need, none that others could use."""
    read(kit.http(200, kit.patient()))
    (request,) = server.received
    assert request.method == "GET"
    assert request.headers == {
        "host": f"127.0.0.1:{server.port}",
        "accept": "application/fhir+json, application/json;q=0.9",
        "accept-encoding": "gzip",
        "user-agent": "scnen-cds",
        "authorization": f"Bearer {kit.canary}",
    }


@pytest.mark.conformance("FA-1")
def test_without_a_token_no_token_is_sent(server, read, kit):
    """An open server of one's own, in open mode."""
    assert read(kit.http(200, kit.patient()), token=None).fault is None
    assert "authorization" not in server.received[0].headers


def test_a_long_search_is_sent_as_a_form_and_finds_the_same(server, fetch, kit):
    """Same parameters, same answer; proxies cut long URLs."""
    codes = ",".join(f"http://snomed.info/sct|{n}" for n in range(200))
    query = {"conditions": (f"Condition?patient=p1&code={codes}", "Condition")}
    page = kit.http(200, kit.bundle(kit.condition(1)))
    server.script["/fhir/Condition/_search"] = server.script["*"] = page
    by_form = fetch(query)["conditions"]
    by_url = fetch(query, url_chars=100_000)["conditions"]
    assert by_form.data == by_url.data
    form, url = server.received
    assert (form.method, form.target) == ("POST", "/fhir/Condition/_search")
    assert form.headers["content-type"] == "application/x-www-form-urlencoded"
    assert url.method == "GET"
    assert form.body.decode() == url.target.partition("?")[2]
    assert b"sct%7C7," in form.body


def test_pages_after_a_form_are_plain_requests(server, fetch, kit):
    """A relative link is read against the search, not against the form's address."""
    query = {"conditions": ("Condition?code=" + "1," * 2000, "Condition")}
    page = kit.bundle(kit.condition(1), next_url="?page=2")
    server.script["/fhir/Condition/_search"] = kit.http(200, page)
    server.script["/fhir/Condition?page=2"] = kit.http(200, kit.bundle())
    assert fetch(query)["conditions"].pages == 2
    assert server.received[1].method == "GET"
    assert server.received[1].body == b""


def test_queries_run_in_parallel_and_come_back_in_order(server, fetch, kit):
    """Five that take a fifth of a second each take no second together."""
    server.delay_s = 0.2
    queries = {f"k{n}": (f"Patient/p{n}", "Patient") for n in range(5)}
    for n in range(5):
        server.script[f"/fhir/Patient/p{n}"] = kit.http(200, kit.patient(f"p{n}"))
    began = time.monotonic()
    found = fetch(queries)
    assert time.monotonic() - began < 0.6
    assert list(found) == list(queries)
    assert [each.data.resources[0]["id"] for each in found.values()] == [
        f"p{n}" for n in range(5)
    ]


def test_nothing_to_fetch_is_no_call(server, fetch):
    """Complete prefetch costs nothing here."""
    assert fetch({}) == {}
    assert server.connections == 0


@pytest.mark.conformance("FA-1")
def test_a_connection_serves_the_next_call_with_the_next_token(server, fetch, kit):
    """Connections are kept, tokens are not."""
    server.script[kit.read_target] = kit.http(200, kit.patient())
    for token in ("one", "two", None):
        assert fetch(kit.one_patient, token=token)["patient"].fault is None
    assert server.connections == 1
    sent = [each.headers.get("authorization") for each in server.received]
    assert sent == ["Bearer one", "Bearer two", None]


def test_a_kept_connection_that_was_closed_is_replaced(server, fetch, kit):
    """Servers close idle connections when they like."""
    server.script[kit.read_target] = kit.http(200, kit.patient())
    fetch(kit.one_patient)
    server.open[1].shutdown(2)
    _until(lambda: not server.open)
    assert fetch(kit.one_patient)["patient"].fault is None
    assert server.connections == 2


def test_a_kept_connection_that_closes_on_the_request_is_replaced(
    server, fetch, kit, open_access
):
    """The request and the end of the connection met on the way."""
    good = kit.http(200, kit.patient())
    server.script[kit.read_target] = [good, lambda connection: None, good]
    fetch(kit.one_patient)
    assert fetch(kit.one_patient)["patient"].fault is None
    assert server.connections == 2
    assert len(server.received) == 3


def test_a_connection_with_more_to_say_is_not_used_again(server, fetch, kit):
    """What nobody asked for would be taken for the next patient's answer."""
    one = kit.http(200, kit.patient())

    def twice(connection):
        connection.sendall(one)
        time.sleep(0.05)
        connection.sendall(kit.http(200, kit.patient("somebody-else")))
        time.sleep(0.5)

    server.script[kit.read_target] = [twice, one]
    fetch(kit.one_patient)
    time.sleep(0.1)
    assert fetch(kit.one_patient)["patient"].data.resources == (kit.patient(),)
    assert server.connections == 2


@pytest.mark.parametrize(
    "line", ["Content-Length: 36", "Transfer-Encoding: identity", "Connection: close"]
)
def test_a_connection_whose_answer_ends_in_doubt_is_not_used_again(
    server, fetch, kit, line
):
    """Two lengths are one too many."""
    body = b'{"resourceType":"Patient","id":"p1"}'
    assert len(body) == 36
    server.script[kit.read_target] = kit.http(200, body, "application/json", line)
    for _ in range(2):
        assert fetch(kit.one_patient)["patient"].fault is None
    assert server.connections == 2


def test_an_old_connection_is_not_used_again(server, open_access, kit):
    """After half a minute of silence something in between has forgotten it."""
    now = [100.0]
    waiting = kit.waiting(clock=lambda: now[0])
    access = open_access(waiting=waiting)
    server.script[kit.read_target] = kit.http(200, kit.patient())
    for _ in range(2):
        access.client(server.base).fetch(kit.one_patient)
        now[0] += 31
    assert server.connections == 2


def test_only_so_many_connections_are_kept(server, fetch, kit):
    """
    As many as eight threads need for one server, with five queries each.

    Others are closed when their answer is there.
    """
    queries = {f"k{n}": ("Patient/p1", "Patient") for n in range(44)}
    server.script[kit.read_target] = kit.http(200, kit.patient())
    server.delay_s = 0.3
    found = fetch(queries, parallel=44)
    assert not any(each.fault for each in found.values())
    _until(lambda: len(server.open) == 40)


def _until(condition):
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_closed_access_keeps_no_connection(server, open_access, kit):
    """Not even those of a fetch that ends afterwards."""
    access = open_access()
    client = access.client(server.base)
    server.script[kit.read_target] = kit.http(200, kit.patient())
    client.fetch(kit.one_patient)
    access.close()
    _until(lambda: not server.open)
    assert client.fetch(kit.one_patient)["patient"].fault is None
    _until(lambda: not server.open)


def test_servers_that_are_not_used_any_more_are_forgotten(server, open_access, kit):
    """In open mode callers name the servers: there may be any number."""
    access = open_access()
    server.script["*"] = kit.http(200, kit.patient())
    access.client(server.base).fetch(kit.one_patient)
    for n in range(64):
        access.client(f"{server.base}/{n}")
    _until(lambda: not server.open)


def test_a_bearer_does_not_show_its_token():
    """Whoever writes it into a log by mistake writes no secret."""
    assert "secret" not in repr(Bearer("secret"))


@pytest.mark.parametrize("name", Limits.__dataclass_fields__)
def test_a_limit_of_nothing_is_refused(name):
    """It would read as "no limit" to some."""
    with pytest.raises(ValueError, match=f"{name}: expected more than 0"):
        Limits(**{name: 0})
