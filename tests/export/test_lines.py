"""The sieve: nothing that the extraction would have used is lost, nothing is silent."""

import gzip
import json
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.cohort.export.cohort import Plan, read_export
from service.cohort.export.discharges import DischargeReader
from service.cohort.export.lines import ExportError, Limits, Line, Sieve, export_files
from service.fhir.conceptmaps import TEXTS, Kind, MappedCode
from service.fhir.findings import PatientRecord
from service.fhir.terminology import Terminology, read_maps

OWN = "http://scnen-cds.example.org/fhir/CodeSystem/predictors"
KINDS = ("Procedure", "Observation", "Condition")

#: As codes, with what a record makes of them: known, unknown, by prefix, texts, junk.
CONCEPTS = [
    {"coding": [{"system": OWN, "code": "pvp"}]},
    {"coding": [{"system": OWN, "code": "pkp"}, {"system": "urn:x", "code": "1"}]},
    {"coding": [{"system": OWN, "code": "cement-ratio-ap"}]},
    {"coding": [{"system": OWN, "code": "cobb-preoperative"}]},
    {"coding": [{"system": OWN, "code": "scn-tender-point"}]},
    {"coding": [{"system": OWN, "code": "scn-block-relief"}]},
    {"coding": [{"system": OWN, "code": "scn-diagnostic-block"}]},
    {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "s32.020a"}]},
    {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M84.58XA"}]},
    {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I10"}]},
    {"text": "Kyphoplastie Wirbelkörper"},
    {"coding": [{"display": "Zementanteil"}]},
    {"text": "kyphoplastie wirbelkörper"},
    {"coding": "pvp"},
    "pvp",
    None,
    {},
]
#: Those that each type of resource is likely to have.
OF_KIND = {
    "Procedure": [CONCEPTS[0], CONCEPTS[1], CONCEPTS[6], CONCEPTS[10]],
    "Observation": [*CONCEPTS[2:6], CONCEPTS[11]],
    "Condition": CONCEPTS[7:10],
}
TEXT_MAPS = [
    MappedCode(TEXTS, "Kyphoplastie Wirbelkörper", Kind.METHOD, "pkp"),
    MappedCode(TEXTS, "Zementanteil", Kind.MEASUREMENT, "cement-ratio-ap"),
]


@pytest.fixture(scope="session")
def texts_reader(reader):
    """The service of a site that has mapped texts as well."""
    maps = read_maps()
    terminology = Terminology([*maps.entries, *TEXT_MAPS], maps.base)
    live = reader.assessor
    assessor = type(live)(
        model=live.model,
        second_model=None,
        policy=live.policy,
        terminology=terminology,
        mode=live.mode,
    )
    return DischargeReader(assessor, reader.zone)


def sieved(folder, terminology, limits=None):
    """What the sieve gives back: patients with their lines, and the sieve's counts."""
    spill = folder.parent / "spill"
    spill.mkdir(exist_ok=True)
    for left in spill.iterdir():
        left.unlink() if left.is_file() else None
    with Sieve(spill, terminology, limits or Limits()) as sieve:
        list(sieve.read(export_files(folder)))
        places = [(file.name, line) for file, line in sieve.places(sieve.broken())]
        return dict(sieve.patients()), dict(sieve.counts), places


@st.composite
def records(draw):
    """Resources of one patient, of all types, some in several versions."""
    found = []
    for number in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(KINDS))
        known = CONCEPTS if draw(st.booleans()) else OF_KIND[kind]
        when = f"2026-0{draw(st.integers(3, 5))}-{draw(st.integers(1, 28)):02}"
        resource = {
            "resourceType": kind,
            "id": f"r{draw(st.integers(0, 5)) if draw(st.booleans()) else number + 10}",
            "subject": {"reference": "Patient/p"},
            "code": draw(st.sampled_from(known)),
            "status": draw(st.sampled_from(["completed", "final", "not-done"])),
            "performedDateTime": when,
            "effectiveDateTime": when,
            "onsetDateTime": when,
        }
        if draw(st.booleans()):
            resource["valueBoolean"] = draw(st.booleans())
        else:
            value = {"value": draw(st.integers(0, 99)), "code": "%", "unit": "%"}
            resource["valueQuantity"] = value
        if draw(st.booleans()):
            resource["meta"] = {"versionId": str(draw(st.integers(1, 3)))}
        if draw(st.booleans()):
            reference = f"Condition/r{draw(st.integers(0, 5))}"
            resource["reasonReference"] = [{"reference": reference}]
            resource["focus"] = [{"reference": reference}]
        found.append(resource)
    found.append({"resourceType": "Procedure", "id": "op", "status": "completed",
        "subject": {"reference": "Patient/p"}, "performedDateTime": "2026-03-10",
        "code": {"coding": [{"system": OWN, "code": "pvp"}]}})  # fmt: skip
    return found


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(record=records())
def test_what_is_left_out_makes_no_difference(record, texts_reader, tmp_path):
    """Extraction and outcome over the sieved and over the whole record agree."""
    folder = tmp_path / "export"
    folder.mkdir(exist_ok=True)
    text = "\n".join(map(json.dumps, record))
    (folder / "all.ndjson").write_text(text, "utf-8")
    kept, _, _ = sieved(folder, texts_reader.assessor.terminology)
    whole = [Line(each["resourceType"], json.dumps(each), 0, 0) for each in record]
    assert repr(texts_reader.read("p", kept["p"])) == repr(
        texts_reader.read("p", whole)
    )
    now = datetime(2026, 3, 29, tzinfo=texts_reader.zone)
    one, other = (
        texts_reader.assessor.assess(
            PatientRecord(None, None, *_by_type(lines)),
            patient_id="p",
            encounter_id=None,
            now=now,
        )
        for lines in (kept["p"], whole)
    )
    assert one.extraction == other.extraction


def _by_type(lines):
    return [
        [json.loads(line.text) for line in lines if line.kind == kind] for kind in KINDS
    ]


def test_a_patient_without_an_operation_is_not_looked_at(reader, write):
    """A diagnosis that excludes, of somebody who was never operated on, is let go."""
    folder = write(
        [
            {"resourceType": "Patient", "id": "p"},
            {"resourceType": "Condition", "id": "c", "code": CONCEPTS[7],
             "subject": {"reference": "Patient/p"}},
        ]
    )  # fmt: skip
    kept, counts, _ = sieved(folder, reader.assessor.terminology)
    assert kept == {}
    assert counts == {"Condition": 1, "Patient": 1}


def test_a_newer_version_that_says_something_else_counts(read, resources, write):
    """Corrected to a code that no map knows, an operation is none any more."""
    corrected = [
        {**each, "meta": {"versionId": "2"}, "code": {"text": "Something else"}}
        for each in resources("01")
        if each["resourceType"] == "Procedure"
    ]
    first = [{**r, "meta": {"versionId": "1"}} for r in resources("01")]
    cohort, account = read(write([*first, *corrected]))
    assert len(cohort) == 0
    assert account.operated == 1


def test_broken_lines_are_counted_and_listed_and_cost_only_themselves(
    read, resources, write
):
    """File and line of each; blank lines count as lines and are no fault."""
    lines = [
        '{"resourceType": "Proc',
        "",
        "   ",
        "[1, 2]",
        b'{"a": "\xff"}',
        '{"a": 1}',
    ]
    write([*lines, *resources("01"), "no JSON"], name="a.ndjson")
    folder = write([*lines[:3], *resources("02")], name="b.ndjson.gz")
    cohort, account = read(folder)
    last = len(lines) + len(resources("01")) + 1
    assert len(cohort) == 2
    assert account.unreadable_lines == 6
    assert [(each.field, each.row) for each in cohort.refused] == [
        *(("a.ndjson", number) for number in (1, 4, 5, 6, last)),
        ("b.ndjson.gz", 1),
    ]
    assert all(
        each.id == "" and "no FHIR resource" in each.reason for each in cohort.refused
    )


def test_a_line_that_only_duckdb_takes_for_json_is_listed_too(read, resources, write):
    """A number that JSON does not know makes the line unreadable."""
    lines = [json.dumps(each) for each in resources("01")]
    spoilt = [each.replace('"value": 15.0', '"value": NaN') for each in lines]
    cohort, account = read(write(spoilt))
    (place,) = [n for n, each in enumerate(spoilt, start=1) if "NaN" in each]
    assert account.unreadable_lines == 1
    assert [(each.field, each.row) for each in cohort.refused] == [
        ("Export.ndjson", place)
    ]


def test_very_many_broken_lines_are_counted_not_all_listed(read, resources, write):
    """A file of another kind does not fill the list; the number is said."""
    cohort, account = read(write([*["x"] * 1005, *resources("01")]))
    assert account.unreadable_lines == 1005
    assert len(cohort.refused) == 1001
    assert cohort.refused[-1].reason.startswith("and 5 more lines")


def test_a_file_that_ends_too_early_is_fatal(read, resources, write):
    """Half of a file looks like few patients."""
    folder = write(resources("01"), name="a.ndjson.gz")
    whole = (folder / "a.ndjson.gz").read_bytes()
    (folder / "a.ndjson.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ExportError, match=r"a\.ndjson\.gz: cannot be read to its end"):
        read(folder)


def test_a_file_that_is_not_what_its_name_says_is_fatal(read, resources, write):
    """Named as compressed, but plain."""
    folder = write(resources("01"), name="a.ndjson")
    (folder / "a.ndjson").rename(folder / "a.ndjson.gz")
    with pytest.raises(ExportError, match=r"a\.ndjson\.gz: cannot be read to its end"):
        read(folder)


def test_a_folder_without_such_files_is_refused(tmp_path, read):
    """Most likely it is the wrong folder."""
    with pytest.raises(ExportError, match=r"holds no file that ends with \.ndjson"):
        read(tmp_path)


def test_a_line_that_is_too_long_is_fatal_and_names_the_remedy(reader, tmp_path, write):
    """It cannot be told whether it matters."""
    long = {"resourceType": "DocumentReference", "id": "d", "text": "x" * (40 << 20)}
    folder = write([long])
    plan = Plan(name_of=str, limits=Limits(longest_line_mb=1))
    with pytest.raises(ExportError, match="line of more than 1 MB; allow longer ones"):
        read_export(folder, reader, plan)


@pytest.mark.parametrize(
    "names",
    [
        ("Patient.000.ndjson", "1.Procedure.ndjson", "output_3.ndjson.gz"),
        ("sub [1]*.NDJSON", "b?.ndjson", "c.ndjson"),
    ],
)
def test_files_are_found_under_any_name(names, read, resources, write):
    """The type stands in the resource, the name may be anything."""
    every = resources("01")
    parts = [every[:4], every[4:8], every[8:]]
    for name, part in zip(names, parts, strict=True):
        folder = write(part, name=name)
    plain, _ = read(write(every, folder="plain"))
    cohort, account = read(folder)
    assert account.files == 3
    assert cohort.ids == plain.ids
    assert [c.tolist() for c in cohort.columns.values()] == [
        c.tolist() for c in plain.columns.values()
    ]


def test_a_byte_order_mark_and_other_line_ends_change_nothing(read, resources, write):
    """As Windows writes them."""
    folder = write(resources("01"))
    file = folder / "Export.ndjson"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    cohort, account = read(folder)
    assert len(cohort) == 1
    assert account.unreadable_lines == 0


def test_little_memory_gives_the_same(reader, read, resources, write):
    """What does not fit lies on disk, and is deleted afterwards."""
    noise = [
        {"resourceType": "Observation", "id": f"o{n}", "code": {"text": f"t{n}"},
         "subject": {"reference": f"Patient/n{n}"}, "note": "x" * 500}
        for n in range(20_000)
    ]  # fmt: skip
    folder = write([*noise, *resources("01")])
    spill = folder.parent / "spill"
    spill.mkdir()
    plan = Plan(name_of=str, limits=Limits(memory_mb=128), spill=spill)
    cohort, _ = read_export(folder, reader, plan)
    plain, _ = read(write(resources("01"), folder="plain"))
    assert list(spill.iterdir()) == []
    assert cohort.ids == plain.ids


def test_gzip_of_several_members_is_read_whole(read, resources, write):
    """Servers append to compressed files."""
    folder = write(resources("01"), name="a.ndjson.gz")
    more = "\n".join(map(json.dumps, resources("02"))).encode()
    with (folder / "a.ndjson.gz").open("ab") as file:
        file.write(gzip.compress(more))
    cohort, _ = read(folder)
    assert cohort.ids == ("syn-01", "syn-02")


def test_the_reader_is_not_changed_by_an_export(reader, read, resources, write):
    """What one export names as its server does not stick."""
    text = json.dumps(resources("01")).replace(
        '"Patient/', '"https://a.example/Patient/'
    )
    read(write(json.loads(text)))
    assert reader == replace(reader, bases=())
