"""What a sample shows: known codes, what may be missing, and nothing of a patient."""

import itertools
import json

import fhirkit
import pytest
from fhir.resources.R4B.conceptmap import ConceptMap

from service.fhir.coverage import Survey
from service.fhir.draft import draft_map
from service.fhir.relevance import load_topics
from service.fhir.summary import Shown, summarise
from service.fhir.tallies import Tallies
from service.fhir.terminology import TerminologyError, load_terminology, read_maps

LOCAL = "http://hospital.example.org/codes"
CPT = "http://www.ama-assn.org/go/cpt"
NAME = "Maria Mustermann"


def coded(code, display=None, system=LOCAL, **more):
    """A CodeableConcept with one coding."""
    coding = {"system": system, "code": code, "display": display}
    return {"coding": [{k: v for k, v in coding.items() if v}], **more}


@pytest.fixture
def survey(terminology):
    """Count resources; the survey, and the result with the usual limit."""

    def run(*resources, smallest=5, known=terminology, list_all=False):
        counted = Survey(known, load_topics())
        for resource in resources:
            counted.add(resource)
        shown = Shown(counted, counted._topics, smallest)
        return shown, summarise(shown, known, list_all=list_all)

    return run


@pytest.fixture
def patients(fhir):
    """The same resource for so many patients."""

    def repeat(number, make):
        return [
            {**make(), "subject": {"reference": f"Patient/p{index}"}}
            for index in range(number)
        ]

    return repeat


def rows(found, part, element):
    """Rows of one part and element, by code."""
    return {row["code"]: row for row in found[part] if row["element"] == element}


class TestKnown:
    """Codes that a map knows."""

    def test_everything_of_a_typical_stay_is_known_and_serves(self, survey, typical):
        """Method, angles, cement, diagnosis; sites by their level."""
        _, found = survey(*typical, smallest=1)
        methods = rows(found, "matched", "Procedure.code")
        assert methods["0QU03JZ"]["means"] == ["pvp"]
        assert methods["0QU03JZ"]["could_serve"] == 1
        assert methods["0QS03ZZ"]["why_not"] == {"only with another code": 1}
        assert rows(found, "matched", "Procedure.bodySite")["66794005"]["means"] == [
            "L1"
        ]
        angles = rows(found, "matched", "Observation.code")
        assert angles["cobb-preoperative"]["values"] == {"valueQuantity": 1}
        assert angles["cobb-preoperative"]["units"] == {"deg": 1}
        assert rows(found, "matched", "Condition.code")["S32.01…"]["could_serve"] == 1
        assert found["resources"]["Observation"]["could_serve"] == 3
        assert found["relevant"] == []

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"status": "preliminary"}, "status preliminary"),
            ({"status": NAME}, "status other"),
            ({"effectiveDateTime": None}, "no time"),
            ({"effectiveDateTime": "soon"}, "no time"),
            ({"valueQuantity": {"value": 5}}, "unit-not-stated"),
            ({"valueQuantity": {"value": 5, "unit": "mm"}}, "unit-unknown"),
            ({"valueQuantity": None, "valueString": "5"}, "not-a-quantity"),
            ({"valueQuantity": None}, "not-a-quantity"),
        ],
    )
    def test_what_keeps_a_measurement_from_serving_is_named(
        self, survey, fhir, change, why
    ):
        """By the same rules that read it in earnest."""
        film = {**fhir.post(5), **change}
        film = {name: value for name, value in film.items() if value is not None}
        _, found = survey(film, smallest=1)
        (row,) = found["matched"]
        assert (row["could_serve"], row["why_not"]) == (0, {why: 1})
        assert NAME not in json.dumps(found)

    @pytest.mark.parametrize(
        ("change", "serves"),
        [
            ({}, 1),
            (
                {"effectiveDateTime": None, "effectivePeriod": {"start": "2024-05-03"}},
                1,
            ),
            ({"effectiveDateTime": None, "effectivePeriod": {"end": "2024-05-03"}}, 0),
        ],
    )
    def test_a_period_is_a_time_if_it_has_a_start(self, survey, fhir, change, serves):
        """As for the rules."""
        film = {**fhir.post(5), **change}
        _, found = survey({k: v for k, v in film.items() if v is not None}, smallest=1)
        assert found["matched"][0]["could_serve"] == serves

    def test_components_count_in_a_panel_only(self, survey, fhir, codes):
        """The rules read them nowhere else."""
        part = {
            "code": codes.concept((codes.OWN, "cement-ratio-ap")),
            "valueQuantity": codes.quantity(52, "%"),
        }
        panel = fhir.observation("predictor-panel", component=[part])
        other = fhir.observation((LOCAL, "FILM"), component=[part])
        _, found = survey(panel, other, smallest=1)
        row = rows(found, "matched", "Observation.component.code")["cement-ratio-ap"]
        assert (row["could_serve"], row["why_not"]) == (1, {"outside a panel": 1})

    def test_a_fracture_segment_must_name_a_place(self, survey, fhir):
        """A level or the code of a fracture; not just any concept."""
        named, unnamed = fhir.fracture_segment("L1"), fhir.fracture_segment(None)
        _, found = survey(named, unnamed, smallest=1)
        row = rows(found, "matched", "Observation.code")["fracture-segment"]
        assert (row["could_serve"], row["why_not"]) == (1, {"place-unknown": 1})

    def test_refuted_conditions_do_not_serve(self, survey, fhir):
        """Confirmed ones, and those that say nothing, do."""
        void = coded("refuted", system="http://terminology.hl7.org/x")
        _, found = survey(
            fhir.condition("S32.010A", verificationStatus=void),
            fhir.condition("S32.010A"),
            smallest=1,
        )
        (row,) = found["matched"]
        assert (row["could_serve"], row["why_not"]) == (1, {"status refuted": 1})

    def test_findings_of_the_follow_up_are_known(self, survey, fhir):
        """They are no measurements, and need no number."""
        _, found = survey(fhir.observation("scn-tinel-sign", valueBoolean=True))
        assert found["matched"][0]["means"] == ["scn-tinel-sign"]

    def test_other_types_and_junk_are_counted_only(self, survey):
        """Nothing of them is read."""
        shown, found = survey(
            {"resourceType": "Patient", "name": [{"family": NAME}]},
            {"resourceType": 5},
            {"resourceType": "Procedure", "code": NAME, "subject": NAME},
            {"resourceType": "Observation", "code": {"coding": [5, {"code": 7}]}},
            {"resourceType": "Condition", "code": {"coding": NAME}, "bodySite": [NAME]},
            smallest=1,
        )
        assert found["other_resources"] == 2
        assert found["matched"] == found["relevant"] == []
        assert found["resources"]["Procedure"]["without_patient"] == 1
        assert NAME not in json.dumps(found)
        assert len(shown.survey.unknown) == 0


class TestMissing:
    """Codes that look relevant and that no map knows."""

    @pytest.mark.parametrize(
        ("element", "text", "perhaps"),
        [
            ("Procedure.code", "Percutaneous vertebroplasty L1", "pvp"),
            ("Procedure.code", "Ballonkyphoplastie", "pkp"),
            ("Procedure.code", "经皮椎体成形术", "pvp"),
            ("Procedure.code", "经皮椎体后凸成形术", "pkp"),
            ("Procedure.code", "椎弓根螺钉内固定术", "pedicle-screw-fixation"),
            ("Procedure.code", "Cifoplastia con balón", "pkp"),
            ("Procedure.code", "Vertébroplastie percutanée", "pvp"),
            (
                "Procedure.code",
                "Dorsale Pedikelschraubenosteosynthese",
                "pedicle-screw",
            ),
            ("Procedure.code", "Pedicle screw fixation T12", "pedicle-screw-fixation"),
            ("Observation.code", "Bone cement distribution (AP)", "cement-ratio-ap"),
            ("Observation.code", "COBB angle", "cobb-preoperative"),
            ("Observation.code", "Local kyphosis", "cobb-preoperative"),
            ("Observation.code", "术后后凸角", "cobb-preoperative"),
            (
                "Condition.code",
                "Compression fracture of vertebra",
                "vertebral-fracture",
            ),
            ("Condition.code", "Wirbelkörperfraktur", "vertebral-fracture"),
            ("Condition.code", "腰椎骨折", "vertebral-fracture"),
            ("Condition.code", "Spinal tuberculosis", "spinal-tuberculosis"),
            ("Condition.code", "Spondylodiscitis", "spinal-infection"),
            ("Procedure.bodySite", "L1", "L1"),
        ],
    )
    def test_words_of_several_languages_are_recognised(
        self, survey, patients, element, text, perhaps
    ):
        """As display of a local code, as text of the concept, as text alone."""
        kind, name = element.split(".")
        for concept in (coded("X", text), coded("X", text=text), {"text": text}):
            resource = {"resourceType": kind, name: concept}
            _, found = survey(*patients(5, lambda r=resource: r))
            (row,) = found["relevant"]
            assert any(code.startswith(perhaps) for code in row["perhaps"])
            assert row["resources"] == 5

    @pytest.mark.parametrize(
        ("element", "text"),
        [
            ("Procedure.code", "Cementless total hip replacement"),
            ("Procedure.code", "Replacement of vertebral ... knee cap"),
            ("Procedure.code", "Removal of pedicle screw"),
            ("Observation.code", "Cobb angle of scoliosis"),
            ("Observation.code", "Body weight"),
            ("Condition.code", "Fracture of wrist"),
            ("Condition.code", "Kyphosis"),
            ("Procedure.bodySite", "LL10"),
        ],
    )
    def test_other_words_are_not(self, survey, patients, element, text):
        """They are counted among the rest, and listed if somebody asks."""
        kind, name = element.split(".")
        resource = {"resourceType": kind, name: coded("X", text)}
        _, found = survey(*patients(5, lambda: resource), list_all=True)
        assert found["relevant"] == []
        assert [row["display"] for row in found["unknown"]] == [text]
        assert found["other_unknown"] == 1

    @pytest.mark.parametrize(
        ("element", "system", "code"),
        [
            ("Procedure.code", "http://www.cms.gov/Medicare/Coding/ICD10", "0PU40JZ"),
            ("Procedure.code", "http://hl7.org/fhir/sid/icd-9-cm", "81.69"),
            ("Procedure.code", "http://fhir.de/CodeSystem/bfarm/ops", "5-839.5"),
            ("Condition.code", "http://hl7.org/fhir/sid/icd-10-cm", "M46.54"),
            ("Condition.code", "http://hl7.org/fhir/sid/icd-10-cm", "S12.000A"),
            ("Condition.code", "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "S32.01"),
            ("Observation.code", "http://snomed.info/sct", "285285000"),
        ],
    )
    def test_known_families_are_recognised_without_words(
        self, survey, patients, element, system, code
    ):
        """Even of a few patients: a printed code tells nothing of them."""
        kind, name = element.split(".")
        resource = {"resourceType": kind, name: coded(code, system=system)}
        _, found = survey(*patients(1, lambda: resource))
        if "icd-10-gm" in system:
            assert found["relevant_not_shown"] == 1
            _, found = survey(*patients(5, lambda: resource))
        (row,) = found["relevant"]
        assert row["code"] == code

    def test_a_concept_that_is_known_by_one_coding_misses_nothing(
        self, survey, patients, codes
    ):
        """The local coding beside it is a translation."""
        concept = coded("OP1", "Kyphoplasty")
        concept["coding"].append({"system": codes.OWN, "code": "pkp"})
        resource = {"resourceType": "Procedure", "code": concept}
        _, found = survey(*patients(6, lambda: resource))
        assert found["relevant"] == []
        assert found["matched"][0]["resources"] == 6

    def test_what_the_site_has_decided_is_not_asked_again(
        self, survey, patients, tmp_path, codes
    ):
        """A code that means nothing here; what ships so is still worth a thought."""
        element = {"code": "OP1", "target": [{"equivalence": "unmatched"}]}
        document = {
            "resourceType": "ConceptMap",
            "status": "active",
            "group": [{"source": LOCAL, "target": codes.OWN, "element": [element]}],
        }
        (tmp_path / "site.json").write_text(json.dumps(document), "utf-8")
        known = load_terminology(tmp_path)
        resource = {"resourceType": "Procedure", "code": coded("OP1", "Kyphoplasty")}
        _, found = survey(*patients(6, lambda: resource), known=known)
        assert found["relevant"] == []

    def test_all_suggestions_are_codes_of_the_project(self, terminology):
        """Nobody is sent to a code that does not exist."""
        targets = {mapped.target for mapped in terminology.entries}
        for topic in load_topics().all:
            assert set(topic.suggests) <= targets, topic.name


class TestPrivacy:
    """Counts only: no number of a few, no word that may be about one of them."""

    def test_a_text_of_fewer_than_five_patients_is_not_repeated(self, survey, patients):
        """It may hold a name; that there is one is told."""
        text = f"Kyphoplasty of {NAME}"
        places = [
            {"resourceType": "Procedure", "code": {"text": text}},
            {"resourceType": "Procedure", "code": coded("K1", text)},
            {"resourceType": "Procedure", "code": coded(NAME, "Kyphoplasty")},
            {"resourceType": "Procedure", "code": {"coding": [{"display": text}]}},
            {"resourceType": "Procedure", "code": coded(NAME, "Kyphoplasty", CPT)},
            {"resourceType": "Procedure", "code": coded("K", text, f"urn:x:{NAME}")},
        ]
        for resource in places:
            shown, found = survey(*patients(4, lambda r=resource: r), list_all=True)
            assert NAME not in json.dumps(found)
            assert NAME not in json.dumps(draft_map(shown, "x") or {})
            assert found["relevant_not_shown"] == 1

    def test_five_patients_and_not_five_records_make_a_text_common(
        self, survey, patients
    ):
        """One patient may have had it ten times."""
        resource = {"resourceType": "Procedure", "code": {"text": "Kyphoplasty L1"}}
        many = [*patients(4, lambda: resource)] * 3
        assert survey(*many)[1]["relevant"] == []
        assert survey(*many, *patients(5, lambda: resource))[1]["relevant"]

    def test_records_without_a_patient_make_no_text_common(self, survey):
        """Who they are about is not known, so it may be one."""
        resource = {"resourceType": "Procedure", "code": {"text": "Kyphoplasty L1"}}
        assert survey(*[resource] * 9)[1]["relevant"] == []

    @pytest.mark.parametrize(
        "subject",
        [
            {"reference": "Patient/{}"},
            {"reference": "https://a.example.org/fhir/Patient/{}"},
            {"identifier": {"system": "urn:x", "value": "{}"}},
        ],
    )
    def test_patients_are_told_apart_however_they_are_named(self, survey, subject):
        """By reference or by identifier; neither is kept."""
        resources = [
            {
                "resourceType": "Procedure",
                "code": {"text": "Kyphoplasty"},
                "subject": json.loads(json.dumps(subject).replace("{}", f"n{n}")),
            }
            for n in range(5)
        ]
        _, found = survey(*resources)
        assert found["relevant"]
        assert found["resources"]["Procedure"]["without_patient"] == 0

    def test_a_display_is_shown_if_most_share_it(self, survey, patients):
        """The variant with a name in it is not."""
        common = {"resourceType": "Procedure", "code": coded("K1", "Kyphoplasty")}
        rare = {"resourceType": "Procedure", "code": coded("K1", f"K. {NAME}")}
        _, found = survey(*patients(5, lambda: common), *patients(4, lambda: rare))
        assert found["relevant"][0]["display"] == "Kyphoplasty"
        assert NAME not in json.dumps(found)

    def test_small_numbers_are_not_told(self, survey, patients, fhir):
        """Neither of codes, nor of statuses, values, units and reasons."""
        films = [*patients(3, lambda: fhir.post(5)), *patients(9, lambda: fhir.pre(5))]
        _, found = survey(*films)
        row = rows(found, "matched", "Observation.code")["cobb-postoperative"]
        assert row["resources"] == row["could_serve"] == "<5"
        assert set(row["statuses"].values()) == {"<5"}
        assert found["resources"]["Observation"]["seen"] == 12
        assert found["resources"]["Condition"]["seen"] == 0

    def test_a_rare_unit_that_is_not_known_is_not_repeated(
        self, survey, patients, fhir
    ):
        """It may be any text; known spellings are shown."""
        odd = fhir.post({"value": 5, "unit": NAME})
        _, found = survey(odd, fhir.post({"value": 5, "unit": "°"}))
        assert found["matched"][0]["units"] == {"another one": "<5", "°": "<5"}
        _, found = survey(*patients(5, lambda: odd))
        assert found["matched"][0]["units"] == {NAME: 5}

    def test_names_of_a_record_are_nowhere(self, survey, typical):
        """Whatever element holds them."""
        fill = (f"Canary{number}" for number in itertools.count())

        def spread(node):
            if isinstance(node, dict):
                more = {"text": next(fill), "display": next(fill), "id": next(fill)}
                return {**{k: spread(v) for k, v in node.items()}, **more}
            return [spread(item) for item in node] if isinstance(node, list) else node

        _, found = survey(*map(spread, typical), list_all=True)
        assert "Canary" not in json.dumps(found)


class TestMemory:
    """What is held does not grow with the sample."""

    def test_rare_texts_are_dropped_and_frequent_ones_kept(self):
        """And it is told that some were."""
        tallies = Tallies(kept=100)
        for number in range(10_000):
            tallies["often"].count(1)
            tallies[f"once {number}"].count(1)
        assert len(tallies) <= 100
        assert next(iter(tallies.items()))[0] == "often"
        assert next(iter(tallies.items()))[1].resources == 10_000
        assert tallies.dropped > 9_000

    def test_patients_of_a_code_are_counted_to_a_limit_only(self, survey, patients):
        """More than that nobody asks."""
        resource = {"resourceType": "Procedure", "code": {"text": "Kyphoplasty"}}
        shown, found = survey(*patients(500, lambda: resource))
        assert found["relevant"][0]["resources"] == 500
        (tally,) = [tally for _, tally in shown.survey.unknown.items()]
        assert len(tally.patients) == 100


class TestDraft:
    """A ConceptMap in which every code waits for a person."""

    @pytest.fixture
    def draft(self, survey, patients, codes):
        """Of a local code, a text and a code of a standard."""
        one = {"resourceType": "Procedure", "code": coded("OP1", "Kyphoplasty")}
        two = {"resourceType": "Observation", "code": {"text": "Cobb angle postop"}}
        three = {
            "resourceType": "Procedure",
            "bodySite": [coded("LW1", "L1 vertebra")],
            "code": coded("81.69", system="http://hl7.org/fhir/sid/icd-9-cm"),
        }
        sample = [
            r for each in (one, two, three) for r in patients(6, lambda e=each: e)
        ]
        shown, _ = survey(*sample)
        return draft_map(shown, codes.OWN)

    def test_it_is_valid_fhir(self, draft):
        """By two independent readers."""
        ConceptMap.model_validate(draft)
        assert fhirkit.validate(draft) == []

    def test_every_code_and_text_is_in_it_once(self, draft):
        """With its display, how often and where it was seen, and what it may mean."""
        elements = {
            (group["source"], element["code"]): element
            for group in draft["group"]
            for element in group["element"]
        }
        assert elements.keys() == {
            (LOCAL, "OP1"),
            (LOCAL, "LW1"),
            ("http://hl7.org/fhir/sid/icd-9-cm", "81.69"),
            ("http://scnen-cds.example.org/fhir/CodeSystem/texts", "Cobb angle postop"),
        }
        told = elements[LOCAL, "OP1"]
        assert told["display"] == "Kyphoplasty"
        (target,) = told["target"]
        assert target == {
            "equivalence": "unmatched",
            "comment": "CHOOSE: pkp. Seen 6 times in Procedure.code.",
        }

    def test_unedited_it_is_refused_for_each_code_with_what_to_do(
        self, draft, tmp_path
    ):
        """So nobody's guess gets into use."""
        (tmp_path / "draft.json").write_text(json.dumps(draft), "utf-8")
        with pytest.raises(TerminologyError) as caught:
            read_maps(tmp_path)
        assert len(caught.value.faults) == 4
        for fault in caught.value.faults:
            assert fault.file == "draft.json"
            assert "not decided yet" in str(fault)
            assert "delete the comment" in str(fault)
        assert "(and 3 more faults: `scnen-cds terminology check` lists them)" in str(
            caught.value
        )

    def test_completed_it_is_loaded(self, draft, tmp_path):
        """A code that was chosen, one that means nothing, and one that is left out."""
        decisions = {
            "OP1": [{"code": "pkp", "equivalence": "equal"}],
            "LW1": [{"code": "L1", "equivalence": "equal"}],
            "81.69": [{"equivalence": "unmatched"}],
        }
        for group in draft["group"]:
            group["element"] = [
                {**element, "target": decisions[element["code"]]}
                for element in group["element"]
                if element["code"] in decisions
            ]
        (tmp_path / "draft.json").write_text(json.dumps(draft), "utf-8")
        known = load_terminology(tmp_path)
        assert known.methods.find(LOCAL, "OP1").target == "pkp"
        assert known.places.find(LOCAL, "LW1").place == {"L1"}

    def test_there_is_none_if_nothing_is_missing(self, survey, typical, codes):
        """An empty file would only be in the way."""
        shown, _ = survey(*typical)
        assert draft_map(shown, codes.OWN) is None
