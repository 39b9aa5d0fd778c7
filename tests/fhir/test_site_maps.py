"""A site's folder: texts, faults told together, who replaces whom."""

import json
import re
from pathlib import Path

import fhirkit
import pytest
from fhir.resources.R4B.conceptmap import ConceptMap

from service.fhir.cautions import cautions
from service.fhir.findings import Flag, Missing, Reason
from service.fhir.inventory import Effect, changes
from service.fhir.terminology import (
    DEFAULT_BASE,
    TEXTS,
    Kind,
    TerminologyError,
    load_terminology,
    read_maps,
)

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "docs/conceptmaps").glob("*.json"))
LOCAL = "http://hospital.example.org/codes"
SNOMED = "http://snomed.info/sct"
PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
OWN = f"{DEFAULT_BASE}/CodeSystem/predictors"


def to(target, **said):
    """A target with properties by their names, underscores for hyphens."""
    product = [
        {
            "property": f"{DEFAULT_BASE}/mapping-property/{name.replace('_', '-')}",
            "value": value,
        }
        for name, value in said.items()
    ]
    found = {"code": target, "equivalence": "equal", "product": product}
    return {name: value for name, value in found.items() if value}


UNMATCHED = {"equivalence": "unmatched"}


@pytest.fixture
def write(tmp_path):
    """Write files of (source, {code: target}) groups; return the folder."""

    def write_files(**files):
        for name, (source, elements) in files.items():
            document = {
                "resourceType": "ConceptMap",
                "status": "active",
                "group": [
                    {
                        "source": source,
                        "target": OWN,
                        "element": [
                            {"code": code, "target": [target]}
                            for code, target in elements.items()
                        ],
                    }
                ],
            }
            (tmp_path / f"{name}.json").write_text(json.dumps(document), "utf-8")
        return tmp_path

    return write_files


class TestTexts:
    """Texts count where a site insists, and as they stand."""

    @pytest.fixture
    def known(self, write):
        """A text for a method with its level, an angle and an exclusion."""
        texts = {
            "Ballonkyphoplastie L1": to("pkp", level="L1"),
            "Kyphoplastie": to("pkp"),
            "Cobb postop": to("cobb-postoperative", default_unit="deg"),
            "Spondylitis tuberculosa": to("spinal-tuberculosis"),
            "erster LWK": to("L1"),
        }
        return load_terminology(write(site=(TEXTS, texts)))

    @pytest.mark.parametrize(
        "concept",
        [
            {"text": "Ballonkyphoplastie L1"},
            {"coding": [{"display": "Ballonkyphoplastie L1"}]},
            {"coding": [{"code": "7", "display": "Ballonkyphoplastie L1"}]},
            {
                "coding": [{"system": LOCAL, "code": "7", "display": "something"}],
                "text": "Ballonkyphoplastie L1",
            },
        ],
    )
    def test_text_or_display_without_a_system_counts(self, known, one, fhir, concept):
        """Method and level; and the vertebra says that a text decided."""
        procedure = {**fhir.procedure(), "code": concept}
        vertebra = one(procedure, terminology=known)
        assert (vertebra.method.value, vertebra.level) == ("pkp", "L1")
        assert (vertebra.method.code.system, vertebra.method.code.code) == (
            TEXTS,
            "Ballonkyphoplastie L1",
        )
        assert Flag.MATCHED_BY_TEXT in vertebra.flags

    @pytest.mark.parametrize(
        "concept",
        [
            {"text": "ballonkyphoplastie L1"},
            {"text": "Ballonkyphoplastie L1 "},
            {"text": "Z. n. Ballonkyphoplastie L1"},
            {"text": "keine Ballonkyphoplastie L1"},
            {"text": ["Ballonkyphoplastie L1"]},
            {
                "coding": [
                    {"system": LOCAL, "code": "7", "display": "Ballonkyphoplastie L1"}
                ]
            },
            {"coding": [{"system": TEXTS, "code": "Ballonkyphoplastie L1"}]},
            {"coding": [{"code": "Ballonkyphoplastie L1"}, 5]},
            {"coding": "Ballonkyphoplastie L1"},
        ],
    )
    def test_anything_else_does_not(self, known, run, fhir, concept):
        """Another case or word, a part, the words of a code, a code made of words."""
        procedure = {**fhir.procedure(), "code": concept}
        assert not run(procedure, terminology=known).vertebrae

    def test_values_named_by_text_serve_and_are_flagged(self, known, one, fhir):
        """With the default unit of the text."""
        film = {
            **fhir.observation((LOCAL, "x"), valueQuantity={"value": 5}),
            "code": {"text": "Cobb postop"},
        }
        vertebra = one(fhir.procedure("pvp", sites=["L1"]), film, terminology=known)
        assert vertebra.cobb_postoperative_deg.value == 5
        assert Flag.MATCHED_BY_TEXT in vertebra.flags

    def test_what_is_coded_is_not_flagged(self, known, one, typical):
        """Though texts are mapped."""
        assert Flag.MATCHED_BY_TEXT not in one(*typical, terminology=known).flags

    def test_texts_name_sites_and_exclusions_as_well(self, known, run, one, fhir):
        """Every kind but units."""
        procedure = fhir.procedure("pvp")
        procedure["bodySite"] = [{"text": "erster LWK"}]
        assert one(procedure, terminology=known).level == "L1"
        illness = {**fhir.condition(), "code": {"text": "Spondylitis tuberculosa"}}
        found = run(procedure, illness, terminology=known)
        assert found.exclusion == "spinal-tuberculosis"

    def test_a_text_that_contradicts_a_code_blocks(self, known, one, fhir):
        """Neither wins; a text that says the same adds nothing."""
        procedure = fhir.procedure("pvp", sites=["L1"])
        procedure["code"]["text"] = "Kyphoplastie"
        vertebra = one(procedure, terminology=known)
        assert isinstance(vertebra.method, Missing)
        assert vertebra.method.reason is Reason.CONFLICT
        procedure = fhir.procedure("pkp", sites=["L1"])
        procedure["code"]["text"] = "Kyphoplastie"
        vertebra = one(procedure, terminology=known)
        assert Flag.MATCHED_BY_TEXT not in vertebra.flags

    def test_a_search_by_code_would_miss_them(self, known, terminology):
        """No text stands in a query; that texts measure is told."""
        assert known.query_codes == terminology.query_codes
        assert known.measures_by_text
        assert not terminology.measures_by_text

    @pytest.mark.parametrize(
        ("target", "is_missed"),
        [("scn-tinel-sign", True), ("cobb-angle", True), ("pkp", False), ("L1", False)],
    )
    def test_texts_of_observations_matter_to_the_search(self, write, target, is_missed):
        """Procedures are asked for without codes anyway."""
        known = load_terminology(write(a=(TEXTS, {"X": to(target)})))
        assert known.measures_by_text is is_missed

    def test_a_publisher_has_an_address_of_its_own(self, write):
        """The example's is understood as well."""
        base = "https://scnen.hospital.example.org/fhir"
        folder = write(
            a=(f"{base}/CodeSystem/texts", {"Kyphoplastie": to("pkp")}),
            b=(TEXTS, {"Vertebroplastie": to("pvp")}),
        )
        known = load_terminology(folder, base)
        for text, target in (("Kyphoplastie", "pkp"), ("Vertebroplastie", "pvp")):
            (meaning,) = known.methods.meanings({"text": text})
            assert meaning.target == target

    def test_a_text_may_be_said_to_mean_nothing(self, write):
        """Then it is not asked about again."""
        known = load_terminology(write(a=(TEXTS, {"Kyphoplastie": UNMATCHED})))
        assert known.methods.meanings({"text": "Kyphoplastie"}) == []
        assert [m.code for m in known.entries if m.kind is None] == ["Kyphoplastie"]

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            (to("pkp", code_match="prefix"), "code-match: has no effect on a text"),
            (to("pkp", spine_evidence="required"), "spine-evidence: has no effect"),
            (
                to("vertebral-fracture", index_character="A"),
                "index-character: has no effect on a text",
            ),
            (to("percent"), "a text is no unit"),
        ],
    )
    def test_what_cannot_hold_for_a_text_is_refused(self, write, target, message):
        """With the group and the text."""
        folder = write(a=(TEXTS, {"X": target}))
        with pytest.raises(
            TerminologyError, match=f"group {TEXTS}: code X: .*{message}"
        ):
            load_terminology(folder)


class TestFaults:
    """Everything that is wrong with a folder, told at once."""

    def test_all_faults_of_all_files_are_told(self, write):
        """In their order, each with file, group and code."""
        folder = write(
            a=(LOCAL, {"X": to("kypho"), "Y": to("pvp"), "Z": to("pvp", level="L9")}),
            b=(LOCAL, {"Y": to("pkp")}),
        )
        (folder / "c.json").write_text("{", "utf-8")
        with pytest.raises(TerminologyError) as caught:
            load_terminology(folder)
        told = [(fault.file, fault.code) for fault in caught.value.faults]
        assert told == [
            ("a.json", "X"),
            ("a.json", "Z"),
            ("b.json", "Y"),
            ("c.json", None),
        ]
        assert str(caught.value).startswith(
            f"a.json: group {LOCAL}: code X: target.code"
        )
        assert "(and 3 more faults" in str(caught.value)
        assert "more faults" not in str(caught.value.faults[0])

    @pytest.mark.parametrize(
        ("first", "second", "message"),
        [
            (to("pvp"), to("pkp"), "contradicts a.json: pvp there, pkp here"),
            (to("pvp"), to("pvp", level="L1"), "duplicate of a mapping in a.json"),
            (to("pvp"), UNMATCHED, "mapped in one, unmatched in the other"),
            (UNMATCHED, to("pvp"), "mapped in one, unmatched in the other"),
            (UNMATCHED, UNMATCHED, "duplicate of a mapping in a.json"),
        ],
    )
    def test_two_files_of_a_site_must_not_disagree(self, write, first, second, message):
        """Whatever address and spelling they give the code."""
        folder = write(
            a=(PCS, {"0QU03JZ": first}),
            b=("http://terminology.hl7.org/CodeSystem/icd10PCS", {"0qu03jz": second}),
        )
        with pytest.raises(
            TerminologyError, match=f"b.json: .*code 0qu03jz: .*{message}"
        ):
            load_terminology(folder)

    def test_an_unusable_default_unit_names_its_file(self, write):
        """Not only the code."""
        unit = to("cobb-angle", default_unit="mm")
        folder = write(site=(LOCAL, {"X": unit}))
        with pytest.raises(
            TerminologyError, match=r"site\.json: .*code X: default-unit"
        ):
            load_terminology(folder)

    def test_a_field_that_stands_twice_is_refused(self, tmp_path):
        """Which one holds would be a guess."""
        text = '{"resourceType": "ConceptMap", "status": "active", "status": "draft"}'
        (tmp_path / "a.json").write_text(text, "utf-8")
        with pytest.raises(TerminologyError, match="status: stated twice"):
            load_terminology(tmp_path)

    def test_codes_of_the_project_mean_themselves(self, write):
        """A site may add a unit to one, or take it out of use, not turn it round."""
        folder = write(a=(OWN, {"pvp": to("pkp")}))
        with pytest.raises(TerminologyError, match=r"code pvp: .* means itself"):
            load_terminology(folder)
        unit = to("cobb-postoperative", default_unit="deg")
        folder = write(a=(OWN, {"cobb-postoperative": unit, "pkp": UNMATCHED}))
        known = load_terminology(folder)
        found = known.measurements.find(OWN, "cobb-postoperative")
        assert (found.default_unit, known.methods.find(OWN, "pkp")) == ("deg", None)

    def test_an_undecided_code_is_refused_though_it_is_valid(self, write):
        """Its comment waits for a person; without the comment it means nothing."""
        folder = write(a=(LOCAL, {"X": {**UNMATCHED, "comment": " CHOOSE: pvp."}}))
        with pytest.raises(TerminologyError, match="code X: not decided yet"):
            load_terminology(folder)
        write(a=(LOCAL, {"X": {**UNMATCHED, "comment": "Nothing of ours."}}))
        load_terminology(folder)


class TestChanges:
    """What a folder adds, replaces, removes, repeats."""

    @pytest.mark.parametrize(
        ("source", "code", "target", "effect", "before"),
        [
            (LOCAL, "X", to("pvp"), Effect.ADDS, []),
            (PCS, "0QU03JZ", to("pkp"), Effect.REPLACES, ["pvp"]),
            (PCS, "0QU03JZ", to("pvp", segment="lumbar"), Effect.REPEATS, ["pvp"]),
            (PCS, "0qu03jz", to("pvp", segment="lumbar"), Effect.REPEATS, ["pvp"]),
            (PCS, "0QU03JZ", to("vertebral-fracture"), Effect.ADDS, []),
            (PCS, "0QU03JZ", UNMATCHED, Effect.REMOVES, ["pvp"]),
            (ICD10CM, "C90.01", UNMATCHED, Effect.REMOVES, ["tumour-fracture"]),
            (
                ICD10CM,
                "C90.01",
                to("spinal-infection"),
                Effect.REPLACES,
                ["tumour-fracture"],
            ),
            (LOCAL, "X", UNMATCHED, Effect.NOTHING, []),
            (TEXTS, "X", to("pvp"), Effect.ADDS, []),
        ],
    )
    def test_each_mapping_has_one_effect(
        self, write, source, code, target, effect, before
    ):
        """And it is told what the code meant before."""
        (change,) = changes(read_maps(write(site=(source, {code: target}))))
        assert change.effect is effect
        assert [mapped.target for mapped in change.before] == before
        assert change.mapped.file == "site.json"

    def test_the_effect_is_what_happens(self, write):
        """Replaced and removed codes are so in the loaded terminology."""
        folder = write(site=(PCS, {"0QU03JZ": to("pkp"), "0PU43JZ": UNMATCHED}))
        known = load_terminology(folder)
        assert known.methods.find(PCS, "0QU03JZ").target == "pkp"
        assert known.methods.find(PCS, "0PU43JZ") is None
        files = {m.code: (m.file, m.is_site) for m in known.entries if m.system == PCS}
        assert files["0QU03JZ"] == files["0PU43JZ"] == ("site.json", True)
        assert files["0QU04JZ"] == ("procedures.json", False)


class TestCautions:
    """Codes that can be loaded and are wrong all the same."""

    def test_wrong_codes_that_go_round_are_named(self, write):
        """With what they are; one of another system or out of use is not."""
        codes = {
            "429616001": to("pkp"),
            "447766008": to("pvp"),
            "285285001": to("cobb-angle"),
            "285285000": to("cobb-angle"),
            "40388003": UNMATCHED,
        }
        folder = write(a=(SNOMED, codes), b=(LOCAL, {"429616001": to("L1")}))
        told = list(cautions(read_maps(folder).site))
        assert [line.split(":")[1].strip() for line in told] == [
            "429616001",
            "447766008",
            "285285001",
        ]
        assert "an operation on the heart" in told[0]
        assert "check digit" in told[2]

    def test_every_bundled_identifier_has_its_check_digit(self):
        """By a rule that was not used to write them down."""
        assert list(cautions(read_maps().bundled)) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
class TestExamples:
    """The maps of the how-to."""

    def test_each_is_valid_fhir(self, path):
        """By two independent readers."""
        document = json.loads(path.read_text("utf-8"))
        ConceptMap.model_validate(document)
        assert fhirkit.validate(document) == []

    def test_each_loads_and_every_mapping_has_an_effect(self, path, tmp_path):
        """None repeats what ships."""
        (tmp_path / path.name).write_bytes(path.read_bytes())
        effects = {change.effect for change in changes(read_maps(tmp_path))}
        assert effects <= {Effect.ADDS, Effect.REPLACES, Effect.REMOVES}

    def test_no_licensed_code_stands_in_it(self, path):
        """Placeholders only, for CPT and OPCS-4."""
        document = json.loads(path.read_text("utf-8"))
        for group in document["group"]:
            if "cpt" in group["source"] or "OPCS" in group["source"]:
                for element in group["element"]:
                    assert element["code"].startswith("CODE-OF-")
                    assert not any(letter.isdigit() for letter in element["code"])


PAGE = (ROOT / "docs/codes.md").read_text("utf-8")


def test_the_page_shows_the_files_as_they_are():
    """Each once, and no other."""
    blocks = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert sorted(blocks) == sorted(path.read_text("utf-8") for path in EXAMPLES)


@pytest.mark.parametrize(
    "path",
    [
        ROOT / "docs/codes.md",
        ROOT / "service/data/relevance.json",
        ROOT / "service/data/cautions.json",
        *EXAMPLES,
    ],
    ids=lambda path: path.name,
)
def test_nothing_looks_like_a_cpt_code(path):
    """Five digits by themselves, or four with an F or T."""
    text = path.read_text("utf-8")
    assert re.findall(r"(?<![\w.-])\d{4}[\dFT](?![\w.-])", text) == []


@pytest.fixture(scope="module")
def known():
    """All maps of the how-to together."""
    return load_terminology(ROOT / "docs/conceptmaps")


class TestExampleRules:
    """What the how-to says of single examples."""

    def test_neck_and_sacrum_are_outside_the_model(self, known, one, fhir):
        """Reported as such and not as unknown."""
        for code in ("S12.100A", "S32.10XA"):
            vertebra = one(
                fhir.procedure("pvp"), fhir.condition(code), terminology=known
            )
            assert vertebra.segment.reason is Reason.OUTSIDE_MODEL

    def test_ops_counts_screw_rod_systems_only(self, known):
        """The family is out of use, its member is not."""
        ops = "http://fhir.de/CodeSystem/bfarm/ops"
        assert known.methods.find(ops, "5-83b.51").target == "pedicle-screw-fixation"
        assert known.methods.find(ops, "5-83b.20") is None

    def test_local_values_are_read_as_the_page_says(self, known, one, fhir):
        """Degrees where none are stated, a number in a text."""
        film = fhir.observation((LOCAL, "XR-COBB-POST"), valueString="5.2")
        vertebra = one(
            fhir.procedure((LOCAL, "OP-KYPHO-2"), sites=[(LOCAL, "LWK1")]),
            film,
            terminology=known,
        )
        assert vertebra.method.value == "pkp"
        assert vertebra.level == "L1"
        assert vertebra.cobb_postoperative_deg.value == 5.2

    def test_myeloma_in_remission_is_out_of_use(self, known):
        """The rest of the family excludes."""
        find = known.lexicon(Kind.EXCLUSION).find
        assert find(ICD10CM, "C90.01") is None
        assert find(ICD10CM, "C90.00").target == "tumour-fracture"
        assert find(ICD10CM, "M46.54").target == "spinal-infection"
