"""``scnen-cds terminology``: what a site's informatician sees."""

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main, sampling
from service.patients import bundled_patients

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "docs/conceptmaps/sample.ndjson"
MAPS = ROOT / "docs/conceptmaps"
TOKEN = "canary-of-a-token"  # noqa: S105 not one
LOCAL = "http://hospital.example.org/codes"
KYPHOPLASTY = {"system": LOCAL, "code": "K1", "display": "Kyphoplasty"}


@pytest.fixture
def call(monkeypatch):
    """Call a subcommand without settings of the machine."""

    def run(*arguments, **settings):
        for name, value in settings.items():
            monkeypatch.setenv(name, str(value))
        return CliRunner().invoke(main, ["terminology", *map(str, arguments)])

    return run


def procedures(count, page_size, base):
    """Pages of Procedures of as many patients."""
    entries = [
        {
            "resource": {
                "resourceType": "Procedure",
                "id": f"x{n}",
                "status": "completed",
                "subject": {"reference": f"Patient/x{n}"},
                "performedDateTime": "2026-03-01",
                "code": {
                    "coding": [
                        {"system": LOCAL, "code": "K1", "display": "Kyphoplasty"}
                    ]
                },
            }
        }
        for n in range(count)
    ]
    pages = [entries[n : n + page_size] for n in range(0, count, page_size)]
    for number, page in enumerate(pages):
        more = {"relation": "next", "url": f"{base}/Procedure?page={number + 1}"}
        yield {
            "resourceType": "Bundle",
            "type": "searchset",
            "link": [more] if number + 1 < len(pages) else [],
            "entry": page,
        }


@pytest.fixture
def fhir_server():
    """A FHIR server of a few pages on loopback; what it was asked, and its base."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers.get("Authorization")))
            status, document = 200, {"resourceType": "Bundle", "type": "searchset"}
            if self.path.startswith("/fhir/Procedure?"):
                number = int(self.path.partition("page=")[2] or 0)
                base = f"http://127.0.0.1:{self.server.server_port}/fhir"
                document = list(procedures(60, 10, base))[number]
            elif self.path.startswith("/fhir/Condition?"):
                status, document = (
                    403,
                    {"resourceType": "OperationOutcome", "issue": []},
                )
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Stay quiet."""

    asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/fhir", asked
    server.shutdown()
    server.server_close()
    thread.join()


class TestCoverage:
    """Counts of a sample."""

    def test_a_bundled_patient_is_understood_without_remainder(self, call, tmp_path):
        """Nothing of it looks relevant and is not known."""
        path = tmp_path / "patient.json"
        path.write_text(json.dumps(bundled_patients()[0].bundle), "utf-8")
        result = call("coverage", path, "--smallest", 1)
        assert result.exit_code == 0
        assert "= cobb-preoperative: 1, could serve 1" in result.output
        assert "Look relevant, but no map knows them\n  none" in result.output

    def test_json_and_text_tell_the_same(self, call):
        """For people and for programs."""
        text = call("coverage", SAMPLE).output
        found = json.loads(call("coverage", SAMPLE, "--json").stdout)
        assert found["resources"]["Observation"] == {
            "seen": 12,
            "matched": 6,
            "could_serve": 5,
            "with_known_body_site": 0,
            "without_patient": 0,
        }
        (known,) = found["matched"]
        assert known["why_not"] == {"unit-not-stated": "<5"}
        assert "do not: unit-not-stated <5" in text
        assert {row["code"] for row in found["relevant"]} == {
            "OP-KYPHO-1",
            "XR-COBB-POST",
        }
        assert "Muster" not in text + json.dumps(found)

    def test_a_sites_maps_are_used_and_what_is_known_is_not_missed(self, call):
        """By option or by the setting of the service."""
        for result in (
            call("coverage", SAMPLE, "--maps", MAPS, "--json"),
            call("coverage", SAMPLE, "--json", SCNEN_CONCEPTMAPS_DIR=MAPS),
        ):
            found = json.loads(result.stdout)
            assert {row["code"] for row in found["matched"]} == {
                "OP-KYPHO…",
                "XR-COBB-POST",
                "cobb-preoperative",
            }
            assert found["relevant"] == []

    def test_all_lists_what_does_not_look_relevant(self, call, tmp_path):
        """Otherwise it is counted."""
        weight = {
            "resourceType": "Observation",
            "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        }
        path = tmp_path / "weight.json"
        path.write_text(json.dumps(weight), "utf-8")
        assert "1 other codes and texts" in call("coverage", path).output
        listed = call("coverage", path, "--all").output
        assert "Other codes that no map knows" in listed
        assert "29463-7: <5" in listed

    def test_so_many_different_texts_that_some_were_dropped_is_told(
        self, call, tmp_path
    ):
        """Their counts may be too low."""
        texts = (
            {"resourceType": "Condition", "code": {"text": f"text {number}"}}
            for number in range(20_001)
        )
        path = tmp_path / "texts.ndjson"
        path.write_text("".join(json.dumps(text) + "\n" for text in texts), "utf-8")
        assert "20000 rare ones were dropped" in call("coverage", path).output

    def test_many_suggestions_are_cut_short(self, call, tmp_path):
        """All levels of the spine need no line of their own."""
        sites = (
            {
                "resourceType": "Procedure",
                "subject": {"reference": f"Patient/{number}"},
                "bodySite": [{"text": "L1"}],
            }
            for number in range(5)
        )
        path = tmp_path / "sites.ndjson"
        path.write_text("".join(json.dumps(site) + "\n" for site in sites), "utf-8")
        assert "perhaps T1, T2, T3, T4, T5, T6 …" in call("coverage", path).output

    def test_files_that_hold_no_json_are_named(self, call, tmp_path):
        """The others are read."""
        (tmp_path / "a.json").write_text("nonsense")
        (tmp_path / "b.ndjson.gz").write_bytes(gzip.compress(SAMPLE.read_bytes()))
        result = call("coverage", tmp_path)
        assert "Not read: a.json: neither JSON nor NDJSON" in result.output
        assert "Observation    12" in result.output

    def test_a_long_reading_tells_how_far_it_is(self, call, monkeypatch, tmp_path):
        """On standard error, so that the result can be piped."""
        monkeypatch.setattr(sampling, "_PATIENCE_S", -1.0)
        monkeypatch.setattr(sampling, "_EVERY", 10)
        result = call("coverage", SAMPLE)
        assert "10 resources, " in result.stderr
        assert "% of 0 MB" in result.stderr
        assert "10 resources, " not in result.stdout

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["nowhere"], "nowhere: no such file, folder or URL"),
            ([SAMPLE, "--patient", "p1"], "go with a FHIR server"),
            (["https://user@x.example.org/fhir"], "FHIR base URL: "),
            (
                ["http://192.0.2.1/fhir"],
                "refused-address; http is read on",
            ),
            ([SAMPLE, "--smallest", "0"], "'--smallest'"),
        ],
    )
    def test_what_cannot_be_read_is_refused(self, call, arguments, message):
        """In one sentence, without a traceback."""
        result = call("coverage", *arguments)
        assert result.exit_code in {1, 2}
        assert message in result.output
        assert "Traceback" not in result.output

    def test_a_faulty_map_stops_it(self, call, tmp_path):
        """As it stops the service."""
        (tmp_path / "a.json").write_text("{}")
        result = call("coverage", SAMPLE, "--maps", tmp_path)
        assert result.exit_code == 1
        assert "a.json: resourceType: must be ConceptMap" in result.output


class TestServer:
    """A sample from a FHIR server."""

    def test_pages_are_followed_up_to_the_limit(self, call, fhir_server, tmp_path):
        """The token goes with each request and into no output."""
        base, asked = fhir_server
        token = tmp_path / "token"
        token.write_text(TOKEN + "\n")
        result = call("coverage", base, "--token-file", token, "--pages", 3, "--json")
        found = json.loads(result.stdout)
        assert found["resources"]["Procedure"]["seen"] == 30
        assert found["relevant"][0]["resources"] == 30
        assert [path for path, _ in asked][:4] == [
            "/fhir/Procedure?_count=100",
            "/fhir/Procedure?page=1",
            "/fhir/Procedure?page=2",
            "/fhir/Observation?_count=100",
        ]
        assert {header for _, header in asked} == {f"Bearer {TOKEN}"}
        assert TOKEN not in result.output
        assert found["notes"] == [
            "Condition: forbidden; the token must reach so far"
            " (scope system or user, read)",
            "Procedure: more than 3 pages; --pages reads more",
        ]

    def test_a_search_that_fails_costs_only_itself(self, call, fhir_server):
        """And is named, with what may help."""
        base, asked = fhir_server
        result = call("coverage", base, "--patient", "x1")
        assert result.exit_code == 0
        assert "Not read: Condition: forbidden; the token must reach so far" in (
            result.output
        )
        assert asked[-1][0] == "/fhir/Condition?patient=x1&_count=100"

    def test_searches_can_be_named(self, call, fhir_server):
        """Those that the server likes."""
        base, asked = fhir_server
        result = call("coverage", base, "--search", "Observation?category=imaging")
        assert result.exit_code == 0
        assert [path for path, _ in asked] == ["/fhir/Observation?category=imaging"]

    def test_if_all_fail_it_is_an_error(self, call, fhir_server):
        """Not an empty result."""
        base, _ = fhir_server
        result = call("coverage", base, "--search", "Condition?patient=x1")
        assert result.exit_code == 1
        assert "Error: Condition: forbidden" in result.output
        assert "x1" not in result.output

    def test_a_long_reading_tells_its_pages(self, call, fhir_server, monkeypatch):
        """There is no telling how many there will be."""
        monkeypatch.setattr(sampling, "_PATIENCE_S", -1.0)
        monkeypatch.setattr(sampling, "_EVERY", 10)
        base, _ = fhir_server
        assert "10 resources, 1 pages" in call("coverage", base).stderr


class TestDraft:
    """A ConceptMap to complete."""

    def test_it_is_written_refused_completed_and_loaded(self, call, tmp_path):
        """The whole way of the how-to."""
        draft = tmp_path / "maps/draft.json"
        draft.parent.mkdir()
        result = call("coverage", SAMPLE, "--draft", draft)
        assert "2 codes to decide" in result.stderr
        refused = call("check", draft.parent)
        assert refused.exit_code == 1
        assert refused.output.count("not decided yet") == 2
        assert "Error: 2 faults." in refused.output
        document = json.loads(draft.read_bytes())
        choice = {"OP-KYPHO-1": "pkp", "XR-COBB-POST": "cobb-postoperative"}
        for element in document["group"][0]["element"]:
            element["target"] = [
                {"code": choice[element["code"]], "equivalence": "equal"}
            ]
        draft.write_text(json.dumps(document), "utf-8")
        checked = call("check", draft.parent)
        assert checked.exit_code == 0
        assert "adds 2." in checked.output

    def test_an_existing_file_is_not_overwritten(self, call, tmp_path):
        """It may hold somebody's decisions."""
        draft = tmp_path / "draft.json"
        draft.write_text("mine")
        result = call("coverage", SAMPLE, "--draft", draft)
        assert result.exit_code == 1
        assert "exists, and may hold decisions" in result.output
        assert draft.read_text() == "mine"

    def test_a_folder_that_is_not_there_is_named(self, call, tmp_path):
        """After the counts, which are not lost."""
        result = call("coverage", SAMPLE, "--draft", tmp_path / "no/draft.json")
        assert result.exit_code == 1
        assert "Known codes" in result.output
        assert "No such file or directory" in result.output

    def test_none_is_written_if_nothing_is_missing(self, call, tmp_path):
        """And it is said."""
        draft = tmp_path / "draft.json"
        result = call("coverage", SAMPLE, "--maps", MAPS, "--draft", draft)
        assert "no draft written" in result.stderr
        assert not draft.exists()


class TestCheck:
    """The same checks as at start, and what a folder does."""

    def test_it_lists_what_each_mapping_does(self, call):
        """With what the code meant before."""
        result = call("check", MAPS)
        assert result.exit_code == 0
        assert "adds 29, replaces 1, removes 2." in result.output
        assert "tumour-fracture (C90.0…)" in result.output
        assert "sample.ndjson: says nothing" in result.output
        assert "Texts name measurements here" in result.output

    def test_as_json(self, call, tmp_path):
        """Changes and faults."""
        found = json.loads(call("check", MAPS, "--json").stdout)
        assert found["faults"] == []
        assert len(found["changes"]) == 32
        (tmp_path / "a.json").write_text("{}")
        result = call("check", tmp_path, "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["faults"] == [
            {
                "file": "a.json",
                "group": None,
                "code": None,
                "problem": "resourceType: must be ConceptMap",
            }
        ]

    def test_what_it_accepts_the_service_starts_with_and_vice_versa(
        self, call, tmp_path
    ):
        """One and the same reader."""
        assert call("list", SCNEN_CONCEPTMAPS_DIR=MAPS).exit_code == 0
        (tmp_path / "a.json").write_text("{}")
        score = ["score", str(ROOT / "service/data/examples/encounter-discharge.json")]
        env = {"SCNEN_CONCEPTMAPS_DIR": str(tmp_path)}
        result = CliRunner().invoke(main, score, env=env)
        assert "a.json: resourceType: must be ConceptMap" in result.output
        assert call("check", tmp_path).exit_code == 1

    def test_control_characters_of_a_map_do_not_reach_the_terminal(
        self, call, tmp_path
    ):
        """Neither in a fault nor in the table."""
        escape = "\x1b[31mX"
        element = {"code": escape, "target": [{"equivalence": "unmatched"}]}
        group = {
            "source": LOCAL,
            "target": "http://scnen-cds.example.org/fhir/CodeSystem/predictors",
            "element": [element],
        }
        document = {"resourceType": "ConceptMap", "status": "active", "group": [group]}
        path = tmp_path / "a.json"
        path.write_text(json.dumps(document), "utf-8")
        assert "?[31mX" in call("check", tmp_path).output
        element["target"] = []
        path.write_text(json.dumps(document), "utf-8")
        assert "\x1b" not in call("check", tmp_path).output


class TestList:
    """All codes in use."""

    def test_each_code_has_meaning_and_file(self, call):
        """The bundled ones, and those of the project."""
        rows = json.loads(call("list", "--json").stdout)
        by_code = {(row["system"], row["code"]): row for row in rows}
        pcs = "http://www.cms.gov/Medicare/Coding/ICD10"
        assert by_code[pcs, "0QU03JZ"] == {
            "system": pcs,
            "code": "0QU03JZ",
            "means": "pvp",
            "kind": "method",
            "file": "procedures.json",
        }
        assert ("http://hl7.org/fhir/sid/icd-9-cm", "81.65…") in by_code
        own = "http://scnen-cds.example.org/fhir/CodeSystem/predictors"
        assert by_code[own, "pvp"]["file"] == "(code of the project)"

    def test_kind_and_site_narrow_the_list(self, call):
        """What a site has taken out of use is its own too."""
        rows = json.loads(call("list", "--kind", "exclusion", "--json").stdout)
        assert {row["kind"] for row in rows} == {"exclusion"}
        rows = json.loads(call("list", "--site", "--maps", MAPS, "--json").stdout)
        assert {(row["code"], row["means"]) for row in rows} >= {
            ("C90.01", "–"),
            ("5-83b…", "–"),
            ("Ballonkyphoplastie LWK1", "pkp"),
        }
        assert all(row["file"].endswith(".json") for row in rows)

    def test_as_a_table(self, call):
        """One line for each."""
        output = call("list", "--kind", "method").output
        assert output.splitlines()[0].split() == [
            "system",
            "code",
            "means",
            "kind",
            "file",
        ]
