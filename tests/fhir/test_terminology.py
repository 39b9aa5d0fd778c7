"""The bundled maps, and what a site may add, override or get wrong."""

import importlib.util
import json
from pathlib import Path

import fhirkit
import pytest
from fhir.resources.R4B.codesystem import CodeSystem
from fhir.resources.R4B.conceptmap import ConceptMap

from service.fhir.findings import Flag, Reason
from service.fhir.systems import canonical, normalise, spellings
from service.fhir.terminology import (
    DEFAULT_BASE,
    Kind,
    TerminologyError,
    load_terminology,
)

ROOT = Path(__file__).parents[2]
MAPS = sorted((ROOT / "service/data/conceptmaps").glob("*.json"))
CODE_SYSTEM = ROOT / "service/data/codesystems/predictors.json"
BEFORE = "2024-05-01"
LOCAL = "http://hospital.example.org/codes"
SNOMED = "http://snomed.info/sct"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
CPT = "http://www.ama-assn.org/go/cpt"
OPCS = "https://fhir.hl7.org.uk/CodeSystem/OPCS-4"
OWN = f"{DEFAULT_BASE}/CodeSystem/predictors"
#: Codes that circulate with a wrong meaning.
REFUTED = {
    "429616001",
    "40388003",
    "447766008",
    "609588000",
    "392010000",
    "33620004",
    "698077007",
}


@pytest.fixture(scope="session")
def script():
    """The script that builds the maps."""
    path = ROOT / "scripts/build_conceptmaps.py"
    spec = importlib.util.spec_from_file_location("build_conceptmaps", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def said(name, value, **more):
    """One property of a mapping."""
    return {
        "property": f"{DEFAULT_BASE}/mapping-property/{name}",
        "value": value,
        **more,
    }


def mapping(code, target, *, depends_on=(), product=(), equivalence="equal"):
    """One element of a ConceptMap."""
    found = {
        "code": target,
        "equivalence": equivalence,
        "dependsOn": list(depends_on),
        "product": list(product),
    }
    return {"code": code, "target": [{k: v for k, v in found.items() if v}]}


def concept_map(*elements, source=LOCAL, target=OWN, **more):
    """A site's ConceptMap with one group."""
    return {
        "resourceType": "ConceptMap",
        "status": "active",
        "group": [{"source": source, "target": target, "element": list(elements)}],
        **more,
    }


@pytest.fixture
def site(tmp_path):
    """The terminology of a site with some ConceptMaps."""

    def load(*maps, **settings):
        for number, document in enumerate(maps):
            text = document if isinstance(document, str) else json.dumps(document)
            (tmp_path / f"map{number}.json").write_text(text, "utf-8")
        return load_terminology(tmp_path, **settings)

    return load


class TestBundled:
    """What ships."""

    @pytest.mark.parametrize("path", MAPS, ids=lambda path: path.stem)
    def test_maps_are_valid_fhir(self, path):
        """By two independent readers."""
        document = json.loads(path.read_text("utf-8"))
        ConceptMap.model_validate(document)
        assert fhirkit.validate(document) == []

    def test_code_system_is_valid_fhir(self):
        """By two independent readers, and its count is right."""
        document = json.loads(CODE_SYSTEM.read_text("utf-8"))
        CodeSystem.model_validate(document)
        assert fhirkit.validate(document) == []
        assert document["count"] == len(document["concept"])

    def test_maps_are_what_the_script_builds(self, script):
        """Nobody edits them by hand."""
        rows = json.loads((ROOT / "scripts/conceptmap_rows.json").read_text("utf-8"))
        built = script.concept_maps(rows)
        assert {path.stem for path in MAPS} == set(built)
        for path in MAPS:
            assert path.read_text("utf-8") == script.render(built[path.stem])

    def test_kept_rows_hold_no_licensed_and_no_wrong_code(self):
        """CPT ships nowhere, and neither do codes that were refuted."""
        rows = json.loads((ROOT / "scripts/conceptmap_rows.json").read_text("utf-8"))
        assert all(row["system"] != CPT for row in rows)
        assert not REFUTED & {row["code"] for row in rows}
        shipped = "".join(path.read_text("utf-8") for path in MAPS)
        assert CPT not in shipped

    def test_trim_keeps_verified_shippable_rows_only(self, script):
        """Everything else stays in the survey."""
        row = {
            "system": ICD10CM,
            "code": "S32.01",
            "display": "x",
            "verified": True,
            "concept": "condition.fracture",
            "segment": "lumbar",
            "level": "L1",
            "match": "prefix",
            "ship": True,
            "licence": "US public domain (CMS)",
            "seventh": "A,B = index stay",
        }
        kept = script.trim(
            [
                row,
                {**row, "ship": False},
                {**row, "verified": False},
                {**row, "system": CPT},
                {**row, "concept": "imaging.xray"},
            ]
        )
        assert kept == [
            {
                "system": ICD10CM,
                "code": "S32.01",
                "display": "x",
                "concept": "condition.fracture",
                "segment": "lumbar",
                "level_candidates": ["L1"],
                "match": "prefix",
                "seventh": ["A", "B"],
            }
        ]

    def test_words_ship_only_under_a_licence_that_allows_it(self, script):
        """Other rows are bare codes."""
        row = {
            "system": SNOMED,
            "code": "1",
            "display": "x",
            "concept": "level.L1",
            "segment": "lumbar",
            "level": "L1",
            "match": "exact",
            "verified": True,
            "ship": True,
            "licence": "SNOMED GPS terms",
        }
        assert "display" not in script.trim([row])[0]
        free = {**row, "licence": "SNOMED IPS free set, CC BY 4.0"}
        assert script.trim([free])[0]["display"] == "x"

    def test_codes_of_the_project(self, terminology):
        """Every code of the agreed list is there, findings and procedures too."""
        agreed = {
            "cement-ratio-ap": Kind.MEASUREMENT,
            "cobb-preoperative": Kind.MEASUREMENT,
            "cobb-postoperative": Kind.MEASUREMENT,
            "cobb-angle": Kind.MEASUREMENT,
            "cobb-restoration-ratio": Kind.MEASUREMENT,
            "fracture-segment": Kind.MEASUREMENT,
            "predictor-panel": Kind.MEASUREMENT,
            "pvp": Kind.METHOD,
            "pkp": Kind.METHOD,
            "pedicle-screw-fixation": Kind.METHOD,
            "scn-tender-point": Kind.FINDING,
            "scn-tinel-sign": Kind.FINDING,
            "scn-block-relief": Kind.FINDING,
            "scn-persistent-pain": Kind.FINDING,
            "scn-examined": Kind.FINDING,
            "tender-point-assessment": Kind.PROCEDURE,
            "scn-diagnostic-block": Kind.PROCEDURE,
            "superior-cluneal-nerve": Kind.STRUCTURE,
            "superior-cluneal-nerve-entrapment": Kind.DIAGNOSIS,
        }
        for code, kind in agreed.items():
            assert terminology.lexicon(kind).find(OWN, code).target == code

    def test_query_codes_are_those_of_the_measurements(self, terminology):
        """The search asks for what the rules can use, and for nothing else."""
        assert (OWN, "predictor-panel") in terminology.query_codes
        assert all(system == OWN for system, _ in terminology.query_codes)
        assert len(terminology.query_codes) == 7

    def test_general_cobb_angle_serves_nobody(self, terminology):
        """SNOMED 285285000 may be a scoliosis angle."""
        assert terminology.measurements.find(SNOMED, "285285000") is None

    def test_all_seventeen_vertebrae_have_a_body_site(self, terminology):
        """Vertebra and body."""
        rows = json.loads((MAPS[0]).read_text("utf-8"))["group"][0]["element"]
        targets = [row["target"][0]["code"] for row in rows]
        for level in [
            *(f"T{n}" for n in range(1, 13)),
            *(f"L{n}" for n in range(1, 6)),
        ]:
            assert targets.count(level) == 2


class TestSystems:
    """Addresses and spellings of codes."""

    @pytest.mark.parametrize(
        ("system", "code", "written"),
        [
            (ICD10CM, "S32.010a", "S32010A"),
            (OPCS, "V44.4", "V444"),
            (OPCS, "V444", "V444"),
            ("http://hl7.org/fhir/sid/icd-9-cm", "81.65", "81.65"),
            ("http://www.cms.gov/Medicare/Coding/ICD10", "0qu03jz", "0QU03JZ"),
            (SNOMED, "a.b", "a.b"),
        ],
    )
    def test_codes_are_written_in_one_way(self, system, code, written):
        """Dots and case go where the system does not need them."""
        assert normalise(system, code) == written

    def test_aliases_lead_to_the_first_address(self):
        """Every alias and the address itself."""
        for spelling in spellings(OPCS):
            assert canonical(spelling) == OPCS
        assert canonical("http://x.example.org") == "http://x.example.org"


class TestSite:
    """A site's own ConceptMaps."""

    def test_local_code_is_the_postoperative_angle(self, site, one, fhir):
        """With a unit that holds where none is stated, and forms that count."""
        terminology = site(
            concept_map(
                mapping(
                    "PO1",
                    "cobb-postoperative",
                    product=[
                        said("default-unit", "deg"),
                        said("value-form", "integer"),
                        said("value-form", "string"),
                    ],
                )
            )
        )
        procedure = fhir.procedure("pvp", sites=["L1"])
        for value in (
            {"valueQuantity": {"value": 5}},
            {"valueInteger": 5},
            {"valueString": " 5 "},
            {"valueString": "5.0 °"},
            {"valueString": "+5 deg"},
        ):
            film = fhir.observation((LOCAL, "PO1"), **value)
            vertebra = one(procedure, film, terminology=terminology)
            assert vertebra.cobb_postoperative_deg.value == 5
            assert vertebra.cobb_postoperative_deg.code.code == "PO1"

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            ("about 5", Reason.NOT_A_QUANTITY),
            ("<5", Reason.NOT_A_QUANTITY),
            ("5 mm", Reason.UNIT_UNKNOWN),
            ("5 %", Reason.UNIT_UNKNOWN),
            ("5-6", Reason.UNIT_UNKNOWN),
            ("5,5", Reason.UNIT_UNKNOWN),
            ("500", Reason.OUT_OF_PHYSICAL_RANGE),
            (5, Reason.NOT_A_QUANTITY),
            ("５", Reason.NOT_A_QUANTITY),
        ],
    )
    def test_text_that_is_no_number_with_unit_is_refused(
        self, site, one, fhir, value, reason
    ):
        """Also where texts count."""
        terminology = site(
            concept_map(
                mapping(
                    "PO1",
                    "cobb-postoperative",
                    product=[said("default-unit", "deg"), said("value-form", "string")],
                )
            )
        )
        film = fhir.observation((LOCAL, "PO1"), valueString=value)
        vertebra = one(
            fhir.procedure("pvp", sites=["L1"]), film, terminology=terminology
        )
        assert vertebra.cobb_postoperative_deg.reason is reason

    def test_text_without_default_unit_must_state_one(self, site, one, fhir):
        """No unit is never a guess."""
        terminology = site(
            concept_map(
                mapping(
                    "PO1", "cobb-postoperative", product=[said("value-form", "string")]
                )
            )
        )
        film = fhir.observation((LOCAL, "PO1"), valueString="5")
        vertebra = one(
            fhir.procedure("pvp", sites=["L1"]), film, terminology=terminology
        )
        assert vertebra.cobb_postoperative_deg.reason is Reason.UNIT_NOT_STATED

    def test_default_unit_does_not_override_a_stated_one(self, site, one, fhir, codes):
        """It holds only where none is stated."""
        terminology = site(
            concept_map(
                mapping("C1", "cement-ratio-ap", product=[said("default-unit", "%")])
            )
        )
        film = fhir.observation((LOCAL, "C1"), codes.quantity(0.52, "1"))
        vertebra = one(
            fhir.procedure("pvp", sites=["L1"]), film, terminology=terminology
        )
        assert vertebra.cement_ratio_percent.value == 52

    def test_site_may_map_the_general_cobb_angle(self, site, one, fhir, codes):
        """Then time decides whether it is before or after."""
        terminology = site(
            concept_map(mapping("285285000", "cobb-angle"), source=SNOMED)
        )
        films = [
            fhir.observation((SNOMED, "285285000"), codes.quantity(value), at=day)
            for value, day in ((20, "2024-05-01"), (5, "2024-05-03"))
        ]
        vertebra = one(
            fhir.procedure("pvp", sites=["L1"]), *films, terminology=terminology
        )
        assert vertebra.cobb_restoration_ratio_percent.value == 75
        assert (SNOMED, "285285000") in terminology.query_codes

    def test_licensed_procedure_codes_come_from_the_site(self, site, one, fhir, values):
        """CPT is loaded by whoever holds the licence; these codes are made up."""
        terminology = site(
            concept_map(
                mapping("X0001", "pkp", product=[said("segment", "lumbar")]),
                mapping("X0002", "pvp", product=[said("segment", "thoracolumbar")]),
                source=CPT,
            )
        )
        vertebra = one(fhir.procedure((CPT, "X0001")), terminology=terminology)
        assert (values(vertebra).method, values(vertebra).segment) == ("pkp", "lumbar")
        vertebra = one(fhir.procedure((CPT, "X0002")), terminology=terminology)
        assert vertebra.segment.reason is Reason.REGION_NOT_LEVEL

    @pytest.mark.parametrize("code", ["V44.4", "V444", "v444"])
    def test_opcs_matches_with_and_without_the_dot(self, site, run, fhir, code):
        """However the map writes it."""
        for written in ("V44.4", "V444"):
            terminology = site(concept_map(mapping(written, "pvp"), source=OPCS))
            assert run(fhir.procedure((OPCS, code)), terminology=terminology).vertebrae

    def test_site_properties_of_a_method(self, site, run, one, fhir):
        """Prefix, inferred, needs a word of the spine, completes another code."""
        terminology = site(
            concept_map(
                mapping(
                    "FIX",
                    "pedicle-screw-fixation",
                    product=[said("inferred", "true")],
                    depends_on=[
                        said("code-match", "prefix"),
                        said("spine-evidence", "required"),
                    ],
                ),
                mapping("CEM", "pvp"),
                mapping("BAL", "pkp", depends_on=[said("same-operation", "CEM")]),
            )
        )
        fracture = fhir.condition("S32.010A")
        vertebra = one(
            fhir.procedure((LOCAL, "FIX-7")), fracture, terminology=terminology
        )
        assert Flag.METHOD_INFERRED in vertebra.flags
        assert not run(
            fhir.procedure((LOCAL, "FIX-7")), fhir.cement(), terminology=terminology
        ).vertebrae
        pair = fhir.procedure((LOCAL, "CEM"), (LOCAL, "BAL"))
        assert one(pair, terminology=terminology).method.value == "pkp"

    @pytest.mark.parametrize(
        ("convention", "pre", "post", "expected"),
        [
            ("kyphosis-positive", 20, -5, (20, -5, 125)),
            ("kyphosis-negative", -20, 5, (20, -5, 125)),
            ("kyphosis-negative", -20, -5, (20, 5, 75)),
        ],
    )
    def test_declared_signs_are_no_contradiction(
        self, site, one, fhir, values, convention, pre, post, expected
    ):
        """The site has said what a negative angle is."""
        signs = [said("sign-convention", convention)]
        terminology = site(
            concept_map(
                mapping("A", "cobb-preoperative", product=signs),
                mapping("B", "cobb-postoperative", product=signs),
            )
        )
        films = [
            fhir.observation((LOCAL, "A"), fhir.pre(pre)["valueQuantity"], BEFORE),
            fhir.observation((LOCAL, "B"), fhir.post(post)["valueQuantity"]),
        ]
        vertebra = one(
            fhir.procedure("pvp", sites=["L1"]), *films, terminology=terminology
        )
        found = values(vertebra)
        assert (found.pre, found.post, found.crr) == expected
        assert vertebra.flags == {Flag.FRACTURE_NOT_DOCUMENTED}

    def test_one_declared_sign_is_not_enough(self, site, one, fhir, codes, values):
        """The other angle may be a magnitude."""
        terminology = site(
            concept_map(
                mapping(
                    "A",
                    "cobb-preoperative",
                    product=[said("sign-convention", "kyphosis-positive")],
                )
            )
        )
        film = fhir.observation((LOCAL, "A"), codes.quantity(-20), at="2024-05-01")
        vertebra = one(
            fhir.procedure("pvp", sites=["L1"]),
            film,
            fhir.post(5),
            terminology=terminology,
        )
        assert values(vertebra).crr == "conflict"

    def test_site_overrides_a_bundled_code(self, site):
        """The same code and kind: the site's word counts."""
        terminology = site(
            concept_map(
                mapping("0QU03JZ", "pkp", product=[said("level", "L2")]),
                source="http://terminology.hl7.org/CodeSystem/icd10PCS",
            )
        )
        found = terminology.methods.find(
            "http://www.cms.gov/Medicare/Coding/ICD10", "0QU03JZ"
        )
        assert (found.target, found.place) == ("pkp", {"L2"})

    def test_site_takes_a_code_out_of_use(self, site, run, typical, fhir):
        """Exclusions are data: bone metastases need not exclude, others still do."""
        unmatched = {"code": "C79.51", "target": [{"equivalence": "unmatched"}]}
        terminology = site(concept_map(unmatched, source=ICD10CM))
        assert terminology.exclusions.find(ICD10CM, "C79.51") is None
        assert run(
            *typical, fhir.condition("C79.51"), terminology=terminology
        ).vertebrae
        assert not run(
            *typical, fhir.condition("C41.2"), terminology=terminology
        ).vertebrae

    def test_family_goes_out_of_use_with_its_head(self, site):
        """M46.2 is a prefix: M46.27 goes too, M46.24 has a mapping of its own."""
        unmatched = {"code": "M46.2", "target": [{"equivalence": "unmatched"}]}
        terminology = site(concept_map(unmatched, source=ICD10CM))
        assert terminology.exclusions.find(ICD10CM, "M46.27") is None
        assert terminology.exclusions.find(ICD10CM, "M46.24") is not None

    def test_one_member_goes_out_of_use_alone(self, site):
        """C90.01, in remission, hides the prefix C90.0."""
        unmatched = {"code": "C90.01", "target": [{"equivalence": "unmatched"}]}
        terminology = site(concept_map(unmatched, source=ICD10CM))
        assert terminology.exclusions.find(ICD10CM, "C90.01") is None
        assert terminology.exclusions.find(ICD10CM, "C90.00") is not None

    def test_site_adds_units_and_places(self, site, one, fhir):
        """A local unit system and local names of vertebrae."""
        terminology = site(
            concept_map(mapping("PCT", "percent"), mapping("LWK1", "L1"))
        )
        film = fhir.cement({"value": 52, "system": LOCAL, "code": "PCT"})
        vertebra = one(
            fhir.procedure("pvp", sites=[(LOCAL, "LWK1")]),
            film,
            terminology=terminology,
        )
        assert (vertebra.level, vertebra.cement_ratio_percent.value) == ("L1", 52)

    def test_one_code_may_have_a_meaning_of_each_kind(self, site, run, fhir):
        """A tuberculous fracture is a fracture and an exclusion."""
        terminology = site(
            concept_map(mapping("TB1", "vertebral-fracture")),
            concept_map(mapping("TB1", "spinal-tuberculosis")),
        )
        found = run(
            fhir.procedure("pvp", sites=["L1"]),
            fhir.condition((LOCAL, "TB1")),
            terminology=terminology,
        )
        assert found.exclusion == "spinal-tuberculosis"

    def test_index_characters_of_a_local_family(self, site, one, fhir):
        """As in ICD-10-CM, with the codes of the site."""
        terminology = site(
            concept_map(
                mapping(
                    "FR",
                    "vertebral-fracture",
                    product=[said("segment", "lumbar")],
                    depends_on=[
                        said("code-match", "prefix"),
                        said("index-character", "A"),
                    ],
                )
            )
        )
        for code, speaks in (("FR1234A", True), ("FR1234D", False)):
            vertebra = one(
                fhir.procedure("pvp"),
                fhir.condition((LOCAL, code)),
                terminology=terminology,
            )
            assert hasattr(vertebra.segment, "value") is speaks

    def test_own_base(self, site, run, fhir):
        """A publisher's base replaces the example; the example is still understood."""
        base = "https://scnen.hospital.example.org/fhir"
        own = f"{base}/CodeSystem/predictors"
        prefix = f"{base}/mapping-property/segment"
        terminology = site(
            concept_map(
                mapping("K1", "pvp", product=[{"property": prefix, "value": "lumbar"}]),
                target=own,
            ),
            concept_map(mapping("K2", "pvp")),
            base=base + "/",
        )
        assert terminology.system == own
        for code in ((own, "pvp"), (OWN, "pvp"), (LOCAL, "K1"), (LOCAL, "K2")):
            assert run(fhir.procedure(code), terminology=terminology).vertebrae
        assert all(system == own for system, _ in terminology.query_codes)

    def test_answers_are_kept_but_not_without_end(self, terminology):
        """Codes nobody knows do not fill the memory."""
        for number in range(5000):
            assert (
                terminology.methods.find(
                    "http://www.cms.gov/Medicare/Coding/ICD10", f"x{number}"
                )
                is None
            )


class TestRefusals:
    """A map with a fault is refused at start, with file, group and code."""

    @pytest.mark.parametrize(
        ("documents", "message"),
        [
            (["{"], r"map0\.json: no JSON \(JSONDecodeError\)"),
            (["[" * 100_000], r"map0\.json: no JSON \(RecursionError\)"),
            (["[]"], r"map0\.json: resourceType: must be ConceptMap"),
            ([{"resourceType": "ValueSet"}], r"resourceType: must be ConceptMap"),
            ([{"resourceType": "ConceptMap", "status": "retired"}], r"status: must be"),
            ([concept_map(mapping("a", "pvp"), group="x")], r"group: must be a list"),
            (
                [concept_map(mapping("a", "pvp"), group=[5])],
                r"group: must be a list of obj",
            ),
            (
                [concept_map(mapping("a", "pvp"), source=None)],
                r"group\.source: missing",
            ),
            (
                [concept_map(mapping("a", "pvp"), target="http://x")],
                rf"group {LOCAL}: group\.target: must be {OWN}",
            ),
            ([concept_map({"target": []})], r"element\.code: missing"),
            ([concept_map(mapping(" ", "pvp"))], r"element\.code: missing"),
            ([concept_map({"code": "a"})], r"code a: target: exactly one is needed"),
            ([concept_map({"code": "a", "target": [{}, {}]})], r"target: exactly one"),
            (
                [concept_map(mapping("a", "kyphoplasty"))],
                r"code a: target\.code: 'kyphoplasty' is none of cement-ratio-ap",
            ),
            ([concept_map(mapping("a", None))], r"target\.code: None is none of"),
            (
                [concept_map(mapping("a", "pvp", equivalence=None))],
                r"equivalence: must say",
            ),
            (
                [concept_map(mapping("a", "pvp", equivalence="disjoint"))],
                r"equivalence: must",
            ),
            (
                [concept_map(mapping("a", "pvp", equivalence="unmatched"))],
                r"equivalence: mu",
            ),
            (
                [concept_map({**mapping("a", "pvp"), "modifierExtension": []})],
                r"element\.modifierExtension: not supported",
            ),
            (
                [concept_map(mapping("a", "pvp", product=[said("color", "red")]))],
                r"product\.property: 'color' has no effect on a method",
            ),
            (
                [concept_map(mapping("a", "pvp", product=[{"value": "x"}]))],
                r"product\.property: 'None' has no effect",
            ),
            (
                [
                    concept_map(
                        mapping("a", "pvp", product=[said("default-unit", "deg")])
                    )
                ],
                r"'default-unit' has no effect on a method",
            ),
            (
                [
                    concept_map(
                        mapping("a", "cement-ratio-ap", product=[said("level", "L1")])
                    )
                ],
                r"'level' has no effect on a measurement",
            ),
            (
                [concept_map(mapping("a", "pvp", product=[said("segment", "lower")]))],
                r"value of segment: must be \['cervical', .*got 'lower'",
            ),
            (
                [
                    concept_map(
                        mapping("a", "pvp", depends_on=[said("same-operation", 5)])
                    )
                ],
                r"value of same-operation: must be a text",
            ),
            (
                [
                    concept_map(
                        mapping(
                            "a",
                            "pvp",
                            product=[said("segment", "thoracic"), said("level", "L1")],
                        )
                    )
                ],
                r"segment and level contradict each other",
            ),
            (
                [
                    concept_map(
                        mapping(
                            "a",
                            "pvp",
                            product=[
                                said("segment", "thoracic"),
                                said("segment", "lumbar"),
                            ],
                        )
                    )
                ],
                r"segment and level contradict each other",
            ),
            (
                [
                    concept_map(
                        mapping(
                            "a",
                            "cobb-angle",
                            product=[
                                said("default-unit", "deg"),
                                said("default-unit", "rad"),
                            ],
                        )
                    )
                ],
                r"default-unit: stated more than once",
            ),
            (
                [
                    concept_map(
                        mapping("a", "cobb-angle", product=[said("default-unit", "%")])
                    )
                ],
                r"default-unit: '%' is no unit of an angle",
            ),
            (
                [
                    concept_map(
                        mapping("a", "cobb-angle", product=[said("default-unit", "mm")])
                    )
                ],
                r"default-unit: 'mm' is no unit of an angle",
            ),
            (
                [
                    concept_map(
                        mapping(
                            "a",
                            "predictor-panel",
                            product=[said("default-unit", "deg")],
                        )
                    )
                ],
                r"default-unit: 'deg' is no unit of an unitless value",
            ),
            (
                [
                    concept_map(
                        mapping(
                            "a", "cobb-angle", product=[said("value-form", "integer")]
                        )
                    )
                ],
                r"value-form: an integer states no unit; add default-unit",
            ),
            (
                [
                    concept_map(
                        mapping(
                            "a",
                            "cement-ratio-ap",
                            product=[said("sign-convention", "kyphosis-positive")],
                        )
                    )
                ],
                r"sign-convention: only for angles",
            ),
            (
                [concept_map(mapping("a", "pvp"), mapping("a", "pvp"))],
                rf"map0\.json: group {LOCAL}: code a: duplicate of a mapping in map0",
            ),
            (
                [concept_map(mapping("a", "pvp")), concept_map(mapping("a", "pkp"))],
                rf"map1\.json: group {LOCAL}: code a: contradicts map0\.json: pvp",
            ),
            (
                [
                    concept_map(
                        mapping("a", "pvp"),
                        {"code": "a", "target": [{"equivalence": "unmatched"}]},
                    )
                ],
                r"code a: contradicts map0\.json: mapped in one, unmatched in the o",
            ),
            (
                [
                    concept_map(mapping("V44.4", "pvp"), source=OPCS),
                    concept_map(
                        mapping("V444", "pkp"),
                        source="http://fhir.hl7.org.uk/CodeSystem/OPCS-4",
                    ),
                ],
                r"map1\.json: .*code V444: contradicts map0\.json",
            ),
        ],
    )
    def test_fault_is_named(self, site, documents, message):
        """What is wrong, where, and what would be right."""
        with pytest.raises(TerminologyError, match=message):
            site(*documents)

    def test_error_carries_its_parts(self, site):
        """For tools that show it."""
        with pytest.raises(TerminologyError, match="exactly one") as caught:
            site(concept_map({"code": "a"}))
        error = caught.value
        assert (error.file, error.group, error.code) == ("map0.json", LOCAL, "a")

    @pytest.mark.parametrize("folder", ["", "missing"])
    def test_folder_without_maps_is_refused(self, tmp_path, folder):
        """A wrong path must not go unnoticed."""
        with pytest.raises(TerminologyError, match="no ConceptMap"):
            load_terminology(tmp_path / folder)

    def test_file_that_cannot_be_read_is_refused(self, tmp_path):
        """A folder in the place of a file."""
        (tmp_path / "maps.json").mkdir()
        with pytest.raises(TerminologyError, match=r"maps\.json: no JSON"):
            load_terminology(tmp_path)
