"""Segment and level: who decides, who only checks, who contradicts."""

import pytest

from service.fhir.findings import Flag, Reason


class TestCement:
    """Vertebroplasty and kyphoplasty: sources in order of precedence."""

    @pytest.mark.parametrize(
        ("level", "segment"),
        [
            ("T8", "thoracic"),
            ("T12", "thoracic"),
            ("L1", "lumbar"),
            ("L4", "lumbar"),
        ],
    )
    def test_body_site_gives_the_level(self, one, fhir, values, level, segment):
        """T1 to T12 are thoracic, L1 to L5 lumbar."""
        vertebra = one(fhir.procedure("pvp", sites=[level]))
        assert (values(vertebra).level, values(vertebra).segment) == (level, segment)
        assert vertebra.segment.source == "Procedure/pr1"
        assert vertebra.segment.as_found == level

    def test_vertebral_body_is_the_level_too(self, one, fhir, values, codes):
        """SNOMED has the vertebra and its body."""
        assert (
            values(one(fhir.procedure("pvp", sites=[(codes.SNOMED, "61032001")]))).level
            == "L1"
        )

    @pytest.mark.parametrize(
        ("code", "segment"),
        [
            ("35769007", "thoracic"),
            ("122495006", "thoracic"),
            ("73903008", "lumbar"),
            ("122496007", "lumbar"),
        ],
    )
    def test_region_gives_the_segment(self, one, fhir, values, codes, code, segment):
        """A region is not a level."""
        found = values(one(fhir.procedure("pvp", sites=[(codes.SNOMED, code)])))
        assert (found.segment, found.level) == (segment, None)

    def test_radlex_region_gives_the_segment(self, one, fhir, values):
        """Sites are not SNOMED only."""
        site = ("http://radlex.org", "RID34572")
        assert values(one(fhir.procedure("pvp", sites=[site]))).segment == "thoracic"

    def test_sources_are_asked_in_their_order(self, one, fhir, codes):
        """Body site, code, Observation, referred Condition, diagnosis of the stay."""
        reason = fhir.condition("S32.010A")
        rest = {
            "reasonReference": [{"reference": f"Condition/{reason['id']}"}],
            "sites": ["L1"],
        }
        observed = fhir.fracture_segment("L1")
        diagnosis = fhir.condition("S32.010A")
        asked = []
        for drop in (None, "sites", "pcs", "observed", "reasonReference"):
            rest.pop(drop, None)
            if drop == "observed":
                observed = fhir.condition("I10")
            by_code = not asked or drop == "sites"
            procedure = (
                fhir.pcs("0QU03JZ", id="op", **rest)
                if by_code
                else fhir.procedure("pvp", id="op", **rest)
            )
            asked.append(one(procedure, observed, reason, diagnosis).segment)
        assert [found.source for found in asked[:4]] == [
            "Procedure/op",
            "Procedure/op",
            "Observation/ob2",
            "Condition/co1",
        ]
        assert [found.as_found for found in asked[:3]] == ["L1", "lumbar", "L1"]
        assert asked[4].source == "Condition/co1"  # now one diagnosis among others

    def test_reason_code_of_the_procedure_gives_the_level(
        self, one, fhir, values, codes
    ):
        """The Procedure may carry the diagnosis itself."""
        reason = codes.concept((codes.ICD10CM, "S32.010A"))
        vertebra = one(fhir.procedure("pvp", reasonCode=[reason]))
        assert values(vertebra).level == "L1"
        assert Flag.FRACTURE_NOT_DOCUMENTED not in vertebra.flags

    def test_diagnosis_refines_the_region(self, one, fhir, values):
        """The code says lumbar, the diagnosis L1."""
        found = values(one(fhir.pcs("0QU03JZ"), fhir.condition("S32.010A")))
        assert (found.segment, found.level) == ("lumbar", "L1")

    def test_other_old_fracture_does_not_contradict(self, one, fhir, values):
        """Among several diagnoses one must fit."""
        vertebra = one(
            fhir.procedure("pvp", sites=["L1"]),
            fhir.condition("S32.010A"),
            fhir.condition("S22.060A"),
        )
        assert values(vertebra).level == "L1"

    @pytest.mark.parametrize(
        "contradiction",
        ["diagnosis-segment", "diagnosis-level", "code", "observation", "reason"],
    )
    def test_contradicting_sources_block(self, one, fhir, codes, contradiction):
        """Two sources that exclude each other: conflict, both named."""
        procedure = fhir.procedure("pvp", sites=["L1"])
        other = []
        if contradiction == "diagnosis-segment":
            other = [fhir.condition("S22.060A")]
        elif contradiction == "diagnosis-level":
            other = [fhir.condition("S32.020A")]
        elif contradiction == "code":
            procedure = fhir.pcs("0PU43JZ", sites=["L1"])
        elif contradiction == "observation":
            other = [fhir.fracture_segment("L2")]
        else:
            other = [fhir.condition("S22.060A", encounter=None)]
            procedure["reasonReference"] = [
                {"reference": f"Condition/{other[0]['id']}"}
            ]
        vertebra = one(procedure, *other)
        assert vertebra.segment.reason is Reason.CONFLICT
        assert vertebra.level is None
        assert set(vertebra.segment.candidates) == {
            f"{r['resourceType']}/{r['id']}" for r in (procedure, *other)
        }
        assert vertebra.conflicts == (vertebra.segment.detail,)

    def test_condition_that_contradicts_itself_blocks(self, one, fhir):
        """Code of L1, body site of T12."""
        bad = fhir.condition(
            "S32.010A",
            bodySite=[
                {"coding": [{"system": "http://snomed.info/sct", "code": "23215003"}]}
            ],
        )
        assert one(fhir.procedure("pvp"), bad).segment.reason is Reason.CONFLICT

    @pytest.mark.parametrize("translation", ["lumbar", "spine", "L1"])
    def test_codings_of_one_site_are_translations(
        self, one, fhir, values, codes, translation
    ):
        """The narrowest of them holds."""
        site = codes.concept((codes.OWN, translation), (codes.SNOMED, "66794005"))
        vertebra = one(fhir.procedure("pvp", bodySite=[site]))
        assert values(vertebra).level == "L1"

    def test_both_places_are_named(self, one, fhir):
        """Among records that agree, the two that do not."""
        made = [fhir.condition("S32.010A", id=name * 64) for name in "abc"]
        against = fhir.fracture_segment("L2", id="x" * 64)
        (detail,) = one(fhir.procedure("pvp", sites=["L1"]), *made, against).conflicts
        assert detail.startswith("segment or level: L1 (Procedure/")
        assert " and L2 (Observation/xxx" in detail
        assert len(detail) <= 400

    def test_record_without_any_level_left_is_named(self, one, fhir, codes):
        """Its code and its body site exclude each other."""
        bad = fhir.condition(
            "S32.010A", bodySite=[codes.concept((codes.SNOMED, "23215003"))]
        )
        (detail,) = one(fhir.procedure("pvp"), bad).conflicts
        assert "codes that contradict each other (Condition/" in detail

    def test_body_site_of_a_condition_gives_the_level(self, one, fhir, values, codes):
        """An unspecific fracture code with a site."""
        fracture = fhir.condition(
            (codes.SNOMED, "50448004"),
            bodySite=[codes.concept((codes.SNOMED, "66794005"))],
        )
        assert values(one(fhir.procedure("pvp"), fracture)).level == "L1"

    @pytest.mark.parametrize("where", ["1217256009", "297172009", "1145014005"])
    def test_thoracolumbar_region_is_asked_for(self, one, fhir, codes, where):
        """It holds T12 and L1."""
        vertebra = one(fhir.procedure("pvp", sites=[(codes.SNOMED, where)]))
        assert vertebra.segment.reason is Reason.REGION_NOT_LEVEL
        assert vertebra.segment.detail == "thoracolumbar"

    def test_thoracolumbar_diagnosis_is_asked_for(self, one, fhir):
        """M48.55- holds T12 and L1."""
        vertebra = one(fhir.procedure("pvp"), fhir.condition("M48.55XA"))
        assert vertebra.segment.reason is Reason.REGION_NOT_LEVEL

    def test_finer_diagnosis_settles_the_region(self, one, fhir, values):
        """The same fracture, coded twice."""
        vertebra = one(
            fhir.procedure("pvp"),
            fhir.condition("M48.55XA"),
            fhir.condition("S32.010A"),
        )
        assert values(vertebra).level == "L1"

    @pytest.mark.parametrize("how", ["sites", "diagnoses"])
    def test_two_levels_across_the_junction_are_asked_for(self, one, fhir, how):
        """T12 and L1 in one record: which one is meant cannot be told."""
        if how == "sites":
            vertebra = one(fhir.procedure("pvp", sites=["T12", "L1"]))
        else:
            vertebra = one(
                fhir.procedure("pvp"),
                fhir.condition("S32.010A"),
                fhir.condition(("http://snomed.info/sct", "203451004")),
            )
        assert vertebra.segment.reason is Reason.REGION_NOT_LEVEL

    def test_spine_is_no_segment(self, one, fhir, codes):
        """Reason given."""
        vertebra = one(fhir.procedure("pvp", sites=[(codes.SNOMED, "421060004")]))
        assert vertebra.segment.reason is Reason.REGION_NOT_LEVEL
        assert vertebra.segment.detail == "spine"

    @pytest.mark.parametrize("region", ["cervical", "sacral"])
    def test_cervical_and_sacral_are_outside_the_model(self, one, fhir, codes, region):
        """No score, reason given."""
        vertebra = one(fhir.procedure("pvp", sites=[(codes.OWN, region)]))
        assert vertebra.segment.reason is Reason.OUTSIDE_MODEL
        assert vertebra.segment.detail == region
        assert vertebra.level is None

    def test_nothing_recorded_is_not_recorded(self, one, fhir):
        """No source says anything."""
        assert one(fhir.procedure("pvp")).segment.reason is Reason.NOT_RECORDED

    def test_without_conditions_it_is_unavailable(self, one, fhir):
        """The diagnoses might have told."""
        vertebra = one(fhir.procedure("pvp"), conditions=None)
        assert vertebra.segment.reason is Reason.UNAVAILABLE

    @pytest.mark.parametrize(
        "sites",
        ["L1", {"coding": 5}, [{"coding": [None, {"system": [], "code": {}}]}], [7]],
    )
    def test_unreadable_body_site_says_nothing(self, run, fhir, sites):
        """Junk in a body site is no place."""
        found = run(fhir.procedure("pvp", bodySite=sites), fhir.condition("S32.010A"))
        assert found.rejected or found.vertebrae[0].level == "L1"


class TestScrews:
    """Screws span several vertebrae: the fracture decides."""

    SCREWS = "pedicle-screw-fixation"

    def test_fracture_decides_not_the_instrumented_neighbours(self, one, fhir, values):
        """Screws of T12 to L2, fracture of L1."""
        vertebra = one(
            fhir.procedure(self.SCREWS, sites=["T12", "L1", "L2"]),
            fhir.condition("S32.010A"),
        )
        assert (values(vertebra).level, values(vertebra).segment) == ("L1", "lumbar")
        assert vertebra.segment.source.startswith("Condition/")

    def test_screws_above_and_below_skip_the_fracture(self, one, fhir, values):
        """Sites T12 and L2, fracture of L1 between them."""
        vertebra = one(
            fhir.procedure(self.SCREWS, sites=["T12", "L2"]), fhir.condition("S32.010A")
        )
        assert values(vertebra).level == "L1"

    def test_observation_comes_before_condition(self, one, fhir):
        """Fracture-segment Observation first."""
        vertebra = one(
            fhir.procedure(self.SCREWS),
            fhir.fracture_segment("L1"),
            fhir.condition("S32.000A"),
        )
        assert vertebra.segment.source.startswith("Observation/")
        assert vertebra.level == "L1"

    def test_one_body_site_serves_without_fracture(self, one, fhir, values):
        """A single level and a cement ratio."""
        vertebra = one(fhir.procedure(self.SCREWS, sites=["L1"]), fhir.cement())
        assert values(vertebra).level == "L1"

    def test_several_body_sites_do_not(self, one, fhir):
        """Which of them broke is not said."""
        vertebra = one(
            fhir.procedure(self.SCREWS, sites=["L1", "L2", "L3"]), fhir.cement()
        )
        assert vertebra.segment.reason is Reason.REGION_NOT_LEVEL

    def test_region_as_body_site_does_not(self, one, fhir, codes):
        """For screws only a level serves."""
        vertebra = one(
            fhir.procedure(self.SCREWS, sites=[(codes.SNOMED, "122496007")]),
            fhir.cement(),
        )
        assert vertebra.segment.reason is Reason.REGION_NOT_LEVEL

    def test_body_part_of_the_codes_serves_last(self, one, fhir, values):
        """If the codes agree."""
        vertebra = one(fhir.pcs("0QS004Z"), fhir.cement())
        assert (values(vertebra).segment, values(vertebra).level) == ("lumbar", None)
        vertebra = one(fhir.pcs("0QS004Z"), fhir.pcs("0SH004Z"), fhir.cement())
        assert values(vertebra).segment == "lumbar"

    def test_codes_that_disagree_say_nothing(self, one, fhir):
        """A construct across the junction."""
        vertebra = one(fhir.pcs("0RH604Z"), fhir.pcs("0SH004Z"), fhir.cement())
        assert vertebra.segment.reason is Reason.NOT_RECORDED

    def test_thoracolumbar_joint_is_asked_for(self, one, fhir):
        """0RHA- gives no segment."""
        vertebra = one(fhir.pcs("0RHA04Z"), fhir.cement())
        assert vertebra.segment.reason is Reason.REGION_NOT_LEVEL

    @pytest.mark.parametrize("sites", [["L3", "L4"], ["L4"]])
    def test_fracture_outside_the_construct_contradicts(self, one, fhir, sites):
        """A construct that does not reach the fracture was for something else."""
        vertebra = one(
            fhir.procedure(self.SCREWS, sites=sites), fhir.condition("S22.060A")
        )
        assert vertebra.segment.reason is Reason.CONFLICT

    def test_body_part_of_all_codes_contradicts(self, one, fhir):
        """Reposition of a lumbar vertebra, fracture of a thoracic one."""
        vertebra = one(fhir.pcs("0QS004Z"), fhir.condition("S22.060A"))
        assert vertebra.segment.reason is Reason.CONFLICT

    def test_two_fractures_without_sites_are_asked_for(self, one, fhir):
        """Which was screwed is not said; different kinds of source contradict."""
        vertebra = one(
            fhir.procedure(self.SCREWS),
            fhir.condition("S32.010A"),
            fhir.fracture_segment("T8"),
        )
        assert vertebra.segment.reason is Reason.CONFLICT
        vertebra = one(
            fhir.procedure(self.SCREWS),
            fhir.condition("S32.010A"),
            fhir.condition("S22.060A"),
        )
        assert vertebra.segment.reason is Reason.REGION_NOT_LEVEL

    def test_screws_of_the_neck_are_outside_the_model(self, one, fhir, codes):
        """A construct without thoracic or lumbar vertebra."""
        vertebra = one(
            fhir.procedure(self.SCREWS, sites=[(codes.OWN, "cervical")]), fhir.cement()
        )
        assert vertebra.segment.reason is Reason.OUTSIDE_MODEL
        assert vertebra.segment.detail == "cervical"

    def test_ambiguous_screws_do_not_join_a_cemented_vertebra(self, run, fhir, values):
        """Fractures of T8 and L3, cement in L3: the screws may be of T8."""
        found = run(
            fhir.procedure(self.SCREWS),
            fhir.procedure("pvp", sites=["L3"]),
            fhir.condition("S32.030A"),
            fhir.condition("S22.020A"),
        )
        assert [values(v).method for v in found.vertebrae] == ["pedicle_screw", "pvp"]
        assert found.vertebrae[0].segment.reason is Reason.REGION_NOT_LEVEL


class TestDiagnoses:
    """What fracture codes say, and which of them speak for this stay."""

    @pytest.mark.parametrize(
        ("code", "level", "segment"),
        [
            ("S22.010A", "T1", "thoracic"),
            ("S22.020B", "T2", "thoracic"),
            ("S22.042A", "T4", "thoracic"),
            ("S32.010A", "L1", "lumbar"),
            ("S32.051B", "L5", "lumbar"),
            ("S22.050A", None, "thoracic"),
            ("S22.060A", None, "thoracic"),
            ("S22.070A", None, "thoracic"),
            ("S22.080A", None, "thoracic"),
            ("S22.000A", None, "thoracic"),
            ("S32.000A", None, "lumbar"),
            ("M48.54XA", None, "thoracic"),
            ("M48.56XA", None, "lumbar"),
            ("S32010A", "L1", "lumbar"),
            ("s32.010a", "L1", "lumbar"),
        ],
    )
    def test_icd_10_cm(self, one, fhir, values, code, level, segment):
        """S22.05 to S22.08 are pairs: the segment, never the level."""
        found = values(one(fhir.procedure("pvp"), fhir.condition(code)))
        assert (found.level, found.segment) == (level, segment)

    @pytest.mark.parametrize("code", ["M80.08XA", "M80.88XA", "M48.50XA"])
    def test_osteoporotic_codes_give_neither(self, one, fhir, code):
        """They document the fracture, not where it is."""
        vertebra = one(fhir.procedure("pvp"), fhir.condition(code))
        assert vertebra.segment.reason is Reason.REGION_NOT_LEVEL
        assert Flag.FRACTURE_NOT_DOCUMENTED not in vertebra.flags

    @pytest.mark.parametrize(
        "code",
        [
            "S32.010D",
            "S32.010G",
            "S32.010K",
            "S32.010S",
            "M80.08XD",
            "M48.54XB",
            "M80.08XB",
            "S32.01",
            "S32.010",
            "S32.0100A",
        ],
    )
    def test_only_a_and_b_speak_for_an_index_stay(self, one, fhir, code):
        """Later visits, sequelae and cut codes say nothing about this stay."""
        vertebra = one(fhir.procedure("pvp"), fhir.condition(code))
        assert vertebra.segment.reason is Reason.NOT_RECORDED
        assert Flag.FRACTURE_NOT_DOCUMENTED in vertebra.flags

    def test_pair_and_site_agree(self, one, fhir, values):
        """T12 lies in T11-T12."""
        vertebra = one(fhir.procedure("pvp", sites=["T12"]), fhir.condition("S22.080A"))
        assert values(vertebra).level == "T12"

    def test_pair_and_site_disagree(self, one, fhir):
        """T8 does not."""
        vertebra = one(fhir.procedure("pvp", sites=["T8"]), fhir.condition("S22.080A"))
        assert vertebra.segment.reason is Reason.CONFLICT
        assert "T11/T12" in vertebra.segment.detail

    @pytest.mark.parametrize(
        ("system", "code", "segment"),
        [
            ("http://snomed.info/sct", "207957008", "lumbar"),
            ("urn:oid:2.16.840.1.113883.6.96", "207938004", "thoracic"),
            ("http://hl7.org/fhir/sid/icd-10", "S32.00", "lumbar"),
            ("http://terminology.hl7.org/CodeSystem/icd10", "S22.0", "thoracic"),
            ("http://id.who.int/icd/release/11/mms", "NA82.0", "thoracic"),
        ],
    )
    def test_other_systems(self, one, fhir, values, system, code, segment):
        """SNOMED, ICD-10 and ICD-11 under all their addresses."""
        found = values(one(fhir.procedure("pvp"), fhir.condition((system, code))))
        assert found.segment == segment

    def test_codings_of_one_condition_are_translations(self, one, fhir, values, codes):
        """The narrower one holds; a later-stay character takes the whole away."""
        both = fhir.condition("S32.010A", (codes.SNOMED, "207957008"))
        assert values(one(fhir.procedure("pvp"), both)).level == "L1"
        later = fhir.condition((codes.SNOMED, "207957008"), "S32.010D")
        assert one(fhir.procedure("pvp"), later).segment.reason is Reason.NOT_RECORDED

    @pytest.mark.parametrize(
        ("change", "speaks"),
        [
            ({}, True),
            ({"encounter": {"reference": "Encounter/e0"}}, False),
            ({"encounter": None}, True),  # 7th character A
            ({"encounter": None, "onsetDateTime": "2024-04-20"}, True),
            ({"encounter": None, "onsetDateTime": "2023-04-20"}, False),
            ({"encounter": None, "recordedDate": "2023-04-20"}, False),
            (
                {
                    "encounter": None,
                    "clinicalStatus": {"coding": [{"code": "resolved"}]},
                },
                False,
            ),
            ({"clinicalStatus": {"coding": [{"code": "resolved"}]}}, True),
            ({"verificationStatus": {"coding": [{"code": "refuted"}]}}, False),
            ({"verificationStatus": {"coding": [{"code": "entered-in-error"}]}}, False),
            ({"verificationStatus": {"coding": [{"code": "provisional"}]}}, True),
        ],
    )
    def test_diagnosis_must_be_of_the_stay(self, one, fhir, change, speaks):
        """Old fractures of the problem list are no index fracture."""
        fracture = fhir.condition("S32.010A", **change)
        vertebra = one(fhir.procedure("pvp"), fracture)
        assert (vertebra.level == "L1") is speaks

    def test_undated_problem_without_character_does_not_speak(self, one, fhir, codes):
        """Nothing ties it to the stay."""
        problem = fhir.condition((codes.SNOMED, "207957008"), encounter=None)
        assert one(fhir.procedure("pvp"), problem).segment.reason is Reason.NOT_RECORDED

    def test_diagnosis_named_by_the_encounter_is_of_the_stay(
        self, one, fhir, values, codes
    ):
        """Encounter.diagnosis points at it."""
        problem = fhir.condition((codes.SNOMED, "207957008"), encounter=None)
        named = [{"condition": {"reference": f"Condition/{problem['id']}"}}, 5]
        encounter = fhir.encounter(diagnosis=named)
        found = values(one(fhir.procedure("pvp"), problem, encounter=encounter))
        assert found.segment == "lumbar"

    def test_pathological_fracture_of_open_cause_is_flagged(
        self, one, fhir, typical, codes
    ):
        """It may be osteoporotic or not: people must look."""
        pathological = fhir.condition((codes.SNOMED, "274146004"))
        assert Flag.PATHOLOGICAL_FRACTURE in one(*typical, pathological).flags
        assert Flag.PATHOLOGICAL_FRACTURE not in one(*typical).flags


class TestFractureObservation:
    """The project's Observation of the fractured vertebra."""

    @pytest.mark.parametrize(
        ("change", "speaks"),
        [
            ({}, True),
            ({"status": "amended"}, True),
            ({"status": "preliminary"}, False),
            ({"status": "entered-in-error"}, False),
            ({"effectiveDateTime": "2023-01-01"}, False),
            ({"effectiveDateTime": "2024-05-07"}, False),
            ({"effectiveDateTime": None}, True),
            ({"effectiveDateTime": None, "encounter": None}, False),
            ({"valueCodeableConcept": {"text": "L1"}}, False),
            ({"valueCodeableConcept": None, "valueString": "L1"}, False),
            ({"dataAbsentReason": {"coding": [{"code": "unknown"}]}}, False),
        ],
    )
    def test_it_must_be_final_recent_and_coded(self, one, fhir, change, speaks):
        """Anything else says nothing."""
        observed = fhir.fracture_segment("L1", **change)
        assert (one(fhir.procedure("pvp"), observed).level == "L1") is speaks

    @pytest.mark.parametrize(
        ("system", "code", "level", "segment"),
        [
            ("OWN", "L2", "L2", "lumbar"),
            ("OWN", "thoracic", None, "thoracic"),
            ("ICD10CM", "S32.010A", "L1", "lumbar"),
        ],
    )
    def test_value_may_be_own_code_or_diagnosis(
        self, one, fhir, values, codes, system, code, level, segment
    ):
        """Levels of the project and fracture codes are understood."""
        value = codes.concept((getattr(codes, system), code))
        observed = fhir.fracture_segment(None, valueCodeableConcept=value)
        found = values(one(fhir.procedure("pvp"), observed))
        assert (found.level, found.segment) == (level, segment)
