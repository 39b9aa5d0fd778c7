"""Which operation counts, and which method its codes speak of."""

import pytest

from service.fhir.findings import Flag, Reason
from service.policy import Eligibility


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        ("completed", True),
        ("in-progress", False),
        ("entered-in-error", False),
        ("not-done", False),
        ("preparation", False),
        ("stopped", False),
        ("on-hold", False),
        ("unknown", False),
        (None, False),
        (["completed"], False),
    ],
)
def test_only_completed_procedures_count(run, fhir, status, counts):
    """What was planned, stopped or recorded in error was not operated on."""
    found = run(fhir.procedure("pvp", sites=["L1"], status=status))
    assert bool(found.vertebrae) is counts


def test_in_progress_counts_where_the_client_says_so(run, fhir):
    """A site whose records stay in progress at discharge may say so."""
    procedure = fhir.procedure("pvp", sites=["L1"], status="in-progress")
    allowed = Eligibility(minimum_age_years=18, in_progress_counts=True)
    assert run(procedure, eligibility=allowed).vertebrae


@pytest.mark.parametrize("kind", ["AMB", "IMP", "SS", "EMER"])
def test_any_class_of_encounter_counts(run, fhir, kind):
    """Many augmentations are day cases."""
    encounter = fhir.encounter(**{"class": {"code": kind}})
    assert run(fhir.procedure("pvp", sites=["L1"]), encounter=encounter).vertebrae


def test_operations_of_the_encounter_are_preferred(one, fhir, values):
    """An operation of another stay does not mix in."""
    other = {"encounter": {"reference": "Encounter/e0"}}
    vertebra = one(
        fhir.procedure("pvp", sites=["L1"]),
        fhir.procedure("pkp", at="2024-04-20", sites=["L4"], **other),
    )
    assert (values(vertebra).level, values(vertebra).method) == ("L1", "pvp")


@pytest.mark.parametrize(
    ("day", "counts"),
    [
        ("2024-05-02", True),
        ("2024-04-06", True),
        ("2024-04-04", False),
        ("2024-05-07", False),
        (None, False),
        ("yesterday", False),
    ],
)
def test_otherwise_those_of_the_look_back_count(run, fhir, day, counts):
    """Thirty days before the call; not later than it, and not without a time."""
    other = {"encounter": {"reference": "Encounter/e0"}}
    procedure = fhir.procedure("pvp", sites=["L1"], at=day, **other)
    assert bool(run(procedure).vertebrae) is counts
    assert bool(run(procedure, encounter_id=None).vertebrae) is counts


def test_operation_of_the_encounter_may_be_older_than_the_look_back(run, fhir):
    """A long stay is one stay."""
    assert run(fhir.procedure("pvp", sites=["L1"], at="2024-02-01")).vertebrae


def test_operation_after_the_call_has_not_taken_place(run, fhir):
    """A replay must not look into the future."""
    found = run(fhir.procedure("pvp", sites=["L1"], at="2024-05-07T08:00:00Z"))
    assert found.not_assessed is Reason.NO_ELIGIBLE_OPERATION


def test_operation_without_time_lies_within_the_stay(one, fhir, values):
    """Coded angles serve; an angle without own code of the same stay cannot tell."""
    procedure = fhir.procedure("pvp", at=None, sites=["L1"])
    vertebra = one(procedure, fhir.pre(20), fhir.post(5))
    assert values(vertebra).crr == 75
    assert vertebra.operation.day is None
    unclear = one(procedure, fhir.angle(20, "2024-05-01T09:00:00Z"))
    assert values(unclear).pre == "time-unclear"


def test_operation_without_any_time_leaves_all_times_unclear(one, fhir, values):
    """Without Encounter period there is nothing to compare with."""
    procedure = fhir.procedure("pvp", at=None, sites=["L1"])
    vertebra = one(procedure, fhir.pre(20), fhir.cement(), encounter=None)
    assert (values(vertebra).pre, values(vertebra).cement) == ("time-unclear",) * 2
    assert vertebra.operation.start is None


@pytest.mark.parametrize(
    "encounter",
    [
        {
            "resourceType": "Encounter",
            "id": "e2",
            "subject": {"reference": "Patient/p1"},
        },
        {
            "resourceType": "Encounter",
            "id": "e1",
            "subject": {"reference": "Patient/p2"},
        },
        {"resourceType": "Patient", "id": "e1"},
        ["e1"],
    ],
)
def test_encounter_of_somebody_else_says_nothing(one, fhir, values, encounter):
    """Neither the period nor the diagnoses of another encounter are used."""
    if isinstance(encounter, dict):
        encounter["period"] = {"start": "2024-04-30"}
    procedure = fhir.procedure("pvp", at=None, sites=["L1"])
    assert values(one(procedure, fhir.pre(), encounter=encounter)).pre == "time-unclear"


@pytest.mark.parametrize(
    "period",
    [
        None,
        [],
        {"start": 5},
        {"start": "2024-05-20"},
        {"start": "2024-04-30", "end": "2024-04-01"},
    ],
)
def test_unusable_period_of_the_encounter_says_nothing(one, fhir, values, period):
    """A period that ends before it starts tells no time."""
    procedure = fhir.procedure("pvp", at=None, sites=["L1"])
    encounter = fhir.encounter(period=period)
    assert values(one(procedure, fhir.pre(), encounter=encounter)).pre == "time-unclear"


def test_start_of_the_period_is_the_time_of_the_operation(one, fhir, values):
    """A film during the operation was taken after its start."""
    period = {"start": "2024-05-02T08:00:00Z", "end": "2024-05-02T12:00:00Z"}
    procedure = fhir.procedure("pvp", at=None, sites=["L1"], performedPeriod=period)
    vertebra = one(procedure, fhir.angle(5, "2024-05-02T10:00:00Z"))
    assert values(vertebra).post == 5
    assert vertebra.operation.start == vertebra.operation.end


@pytest.mark.parametrize("period", [[], {"end": "2024-05-02"}, "x"])
def test_period_without_start_tells_no_time(one, fhir, values, period):
    """Then the stay is all that is known."""
    procedure = fhir.procedure("pvp", at=None, sites=["L1"], performedPeriod=period)
    assert one(procedure).operation.day is None


@pytest.mark.parametrize(
    ("code", "method"),
    [
        ("pvp", "pvp"),
        ("pkp", "pkp"),
        ("pedicle-screw-fixation", "pedicle_screw"),
    ],
)
def test_own_codes_name_the_method(one, fhir, values, code, method):
    """The project's codes are the way out for sites without a usable code."""
    vertebra = one(fhir.procedure(code, sites=["L1"]), fhir.condition("S32.010A"))
    assert values(vertebra).method == method
    assert Flag.METHOD_INFERRED not in vertebra.flags


class TestPcs:
    """Methods in ICD-10-PCS are combinations."""

    @pytest.mark.parametrize(
        ("code", "segment"),
        [
            ("0PU43JZ", "thoracic"),
            ("0PU44JZ", "thoracic"),
            ("0QU03JZ", "lumbar"),
            ("0QU04JZ", "lumbar"),
        ],
    )
    def test_supplement_alone_is_vertebroplasty(self, one, fhir, values, code, segment):
        """Cement without Reposition; the body part is the segment."""
        found = values(one(fhir.pcs(code)))
        assert (found.method, found.segment, found.level) == ("pvp", segment, None)

    @pytest.mark.parametrize(
        "pair",
        [
            ("0PU43JZ", "0PS43ZZ"),
            ("0PS43ZZ", "0PU43JZ"),
            ("0PU44JZ", "0PS43ZZ"),
            ("0QU03JZ", "0QS03ZZ"),
            ("0QS03ZZ", "0QU04JZ"),
        ],
    )
    def test_pair_is_kyphoplasty(self, one, fhir, values, pair):
        """As codings of one Procedure, or as Procedures of one operation."""
        assert values(one(fhir.pcs(*pair))).method == "pkp"
        vertebra = one(*(fhir.pcs(code) for code in pair))
        assert values(vertebra).method == "pkp"
        assert len(vertebra.operation.sources) == 2

    @pytest.mark.parametrize("code", ["0PS43ZZ", "0QS03ZZ"])
    def test_reposition_alone_is_no_method(self, run, fhir, code):
        """A closed reduction is not in the model."""
        found = run(fhir.pcs(code), fhir.condition("S32.010A"), fhir.cement())
        assert found.not_assessed is Reason.NO_ELIGIBLE_OPERATION

    @pytest.mark.parametrize(
        ("supplement", "reposition"),
        [
            ("0PU43JZ", "0QS03ZZ"),
            ("0QU03JZ", "0PS43ZZ"),
        ],
    )
    def test_other_body_part_is_no_pair(
        self, one, fhir, values, supplement, reposition
    ):
        """Reposition of a lumbar vertebra does not make thoracic cement kyphoplasty."""
        assert values(one(fhir.pcs(supplement), fhir.pcs(reposition))).method == "pvp"
        assert values(one(fhir.pcs(supplement, reposition))).method == "pvp"

    def test_other_day_is_no_pair(self, one, fhir, values):
        """Procedures of one operation are of the same day."""
        vertebra = one(fhir.pcs("0QU03JZ"), fhir.pcs("0QS03ZZ", at="2024-05-01"))
        assert values(vertebra).method == "pvp"

    def test_date_and_instant_of_one_day_are_a_pair(self, one, fhir, values, codes):
        """A date covers its day."""
        vertebra = one(fhir.pcs("0QU03JZ"), fhir.pcs("0QS03ZZ", at="2024-05-02"))
        assert values(vertebra).method == "pkp"

    def test_other_encounter_is_no_pair(self, one, fhir, values):
        """Procedures of one operation are of the same encounter."""
        one_stay = {"encounter": {"reference": "Encounter/a"}}
        other_stay = {"encounter": {"reference": "Encounter/b"}}
        vertebra = one(
            fhir.pcs("0QU03JZ", **one_stay),
            fhir.pcs("0QS03ZZ", **other_stay),
            encounter_id=None,
        )
        assert values(vertebra).method == "pvp"

    def test_without_times_the_encounter_makes_the_pair(self, one, fhir, values):
        """Billing codes often come without a time."""
        vertebra = one(
            fhir.pcs("0QU03JZ", at=None), fhir.pcs("0QS03ZZ", at=None), encounter=None
        )
        assert values(vertebra).method == "pkp"

    def test_body_sites_tell_which_vertebra_was_repositioned(self, run, fhir, values):
        """Kyphoplasty of one vertebra and vertebroplasty of its neighbour."""
        found = run(
            fhir.pcs("0QU03JZ", sites=["L1"]),
            fhir.pcs("0QU03JZ", sites=["L3"]),
            fhir.pcs("0QS03ZZ", sites=["L3"]),
        )
        methods = [(values(v).level, values(v).method) for v in found.vertebrae]
        assert methods == [("L1", "pvp"), ("L3", "pkp")]

    def test_two_supplements_and_one_reposition_cannot_be_told(self, one, fhir):
        """Without levels, which cement belongs to the Reposition is unknown."""
        vertebra = one(fhir.pcs("0QU03JZ"), fhir.pcs("0QU03JZ"), fhir.pcs("0QS03ZZ"))
        assert vertebra.method.reason is Reason.CONFLICT

    def test_reposition_without_site_and_two_levelled_supplements_cannot_be_told(
        self, run, fhir
    ):
        """Which of L1 and L3 was repositioned is not said: never guessed."""
        found = run(
            fhir.pcs("0QU03JZ", sites=["L1"]),
            fhir.pcs("0QU03JZ", sites=["L3"]),
            fhir.pcs("0QS03ZZ"),
        )
        assert [v.method.reason for v in found.vertebrae] == [Reason.CONFLICT] * 2

    def test_as_many_repositions_as_supplements_complete_all(self, run, fhir, values):
        """Each vertebra has both."""
        found = run(
            fhir.pcs("0QU03JZ", sites=["L1"]),
            fhir.pcs("0QU03JZ", sites=["L3"]),
            fhir.pcs("0QS03ZZ"),
            fhir.pcs("0QS03ZZ"),
        )
        assert [values(v).method for v in found.vertebrae] == ["pkp", "pkp"]

    @pytest.mark.parametrize("split", [True, False])
    def test_one_record_of_two_levels_completes_both(self, run, fhir, values, split):
        """Sites of one Procedure are vertebrae of it."""
        repositioned = fhir.pcs("0QS03ZZ", sites=["L1", "L3"])
        supplements = (
            [fhir.pcs("0QU03JZ", sites=[level]) for level in ("L1", "L3")]
            if split
            else [fhir.pcs("0QU03JZ", sites=["L1", "L3"])]
        )
        found = run(repositioned, *supplements)
        assert [values(v).method for v in found.vertebrae] == ["pkp", "pkp"]
        both = fhir.pcs("0QU03JZ", "0QS03ZZ", sites=["L1", "L3"])
        assert [values(v).method for v in run(both).vertebrae] == ["pkp", "pkp"]

    def test_site_of_the_reposition_goes_before_no_site(self, run, fhir, values):
        """The supplement of the same level, not the one without."""
        found = run(
            fhir.pcs("0QU03JZ", sites=["L3"]),
            fhir.pcs("0QU04JZ", sites=["L1"]),
            fhir.pcs("0QU04JZ"),
            fhir.pcs("0QS03ZZ", sites=["L1"]),
        )
        by_level = {values(v).level: values(v).method for v in found.vertebrae}
        assert by_level["L1"] == "pkp"

    def test_ten_thousand_procedures_take_ten_times_as_long_as_a_thousand(
        self, run, fhir, grows_like_its_input
    ):
        """Pairs are made by groups, not by trying each with each."""
        codes = ("0QU03JZ", "0QS03ZZ")
        many = [fhir.pcs(codes[n % 2]) for n in range(10_000)]
        assert len(run(*many).vertebrae) == 1
        assert grows_like_its_input(lambda part: run(*part), many)

    @pytest.mark.parametrize(
        "code",
        [
            "0PS404Z",
            "0PS434Z",
            "0PH404Z",
            "0QS004Z",
            "0QH034Z",
            "0RH604Z",
            "0SH034Z",
            "0SH304Z",
            "0RHA04Z",
        ],
    )
    def test_device_value_4_is_inferred_to_be_screws(self, one, fhir, values, code):
        """PCS never says pedicle screw: the nearest code is marked as inferred."""
        level = {"P": "S22.080A", "Q": "S32.010A"}.get(code[1])
        level = level or ("S22.080A" if code.startswith("0RH") else "S32.010A")
        vertebra = one(fhir.pcs(code), fhir.condition(level))
        assert values(vertebra).method == "pedicle_screw"
        assert Flag.METHOD_INFERRED in vertebra.flags

    @pytest.mark.parametrize(
        "code",
        [
            "0PU40JZ",
            "XNU4356",
            "0RH60CZ",
            "0RG70J1",
            "0PS43Z",
            "PU43JZ",
        ],
    )
    def test_other_codes_are_no_method(self, run, fhir, code):
        """Open cement, new implants, dynamic devices and fusions need a site's word."""
        assert not run(fhir.pcs(code), fhir.condition("S32.010A")).vertebrae

    def test_small_letters_are_the_same_code(self, one, fhir, values):
        """PCS codes have no case."""
        assert values(one(fhir.pcs("0qu03jz"))).method == "pvp"


class TestOtherSystems:
    """Codes that match by prefix, that are weak, or that go by other addresses."""

    @pytest.mark.parametrize(
        ("code", "method"),
        [
            ("81.65", "pvp"),
            ("81.6500", "pvp"),
            ("81.65x001", "pvp"),
            ("81.66", "pkp"),
        ],
    )
    def test_icd_9_cm_matches_by_prefix(self, one, fhir, values, codes, code, method):
        """Chinese extensions lengthen the code."""
        vertebra = one(fhir.procedure((codes.ICD9, code)), fhir.condition("S32.010A"))
        assert values(vertebra).method == method

    @pytest.mark.parametrize("code", ["816.5", "8165", "81.6", "81.64", "181.65"])
    def test_icd_9_cm_diagnosis_is_no_procedure(self, run, fhir, codes, code):
        """One address for both: the dot tells them apart."""
        assert not run(
            fhir.procedure((codes.ICD9, code)), fhir.condition("S32.010A")
        ).vertebrae

    @pytest.mark.parametrize(
        ("code", "method"),
        [
            ("5-839.9", "pvp"),
            ("5-839.90", "pvp"),
            ("5-839.a0", "pkp"),
            ("5-83b.51", "pedicle_screw"),
        ],
    )
    def test_ops_matches_by_prefix(self, one, fhir, values, codes, code, method):
        """The fifth and sixth characters count vertebrae."""
        vertebra = one(fhir.procedure((codes.OPS, code)), fhir.condition("S32.010A"))
        assert values(vertebra).method == method
        assert (Flag.METHOD_INFERRED in vertebra.flags) is (method == "pedicle_screw")

    @pytest.mark.parametrize(
        ("system", "code"),
        [
            ("http://terminology.hl7.org/CodeSystem/icd10PCS", "0QU03JZ"),
            ("urn:oid:2.16.840.1.113883.6.104", "81.65"),
            ("http://terminology.hl7.org/CodeSystem/icd9cm", "81.65"),
            ("http://fhir.de/CodeSystem/dimdi/ops", "5-839.9"),
        ],
    )
    def test_aliases_of_a_system_are_understood(self, run, fhir, system, code):
        """Systems go by several addresses."""
        assert run(fhir.procedure((system, code))).vertebrae

    def test_unknown_system_means_nothing(self, run, fhir, codes):
        """The code alone is not enough."""
        assert not run(fhir.procedure((codes.LOCAL, "0QU03JZ"))).vertebrae

    @pytest.mark.parametrize("how", ["site", "text", "display", "diagnosis", "chinese"])
    def test_weak_code_counts_with_a_word_of_the_spine(self, one, fhir, codes, how):
        """78.59 is fixation of "other bones": site, text or diagnosis must speak."""
        procedure = fhir.procedure((codes.ICD9, "78.59"))
        rest = [fhir.cement()]
        if how == "site":
            procedure = fhir.procedure((codes.ICD9, "78.59"), sites=["L1"])
        elif how == "text":
            procedure["code"]["text"] = "Fixation of lumbar vertebra"
        elif how == "chinese":
            procedure["code"]["text"] = "椎弓根钉内固定术"
        elif how == "display":
            procedure["code"]["coding"][0]["display"] = "Posterior spinal fixation"
        else:
            rest.append(fhir.condition("S32.010A"))
        vertebra = one(procedure, *rest)
        assert vertebra.method.value == "pedicle_screw"
        assert Flag.METHOD_INFERRED in vertebra.flags

    def test_weak_code_alone_is_no_method(self, run, fhir, codes):
        """Fixation of some bone is not fixation of a vertebra."""
        procedure = fhir.procedure((codes.ICD9, "78.59"))
        procedure["code"]["text"] = "fixation, other bones"
        procedure["code"]["coding"].append({"display": 5})
        assert not run(procedure, fhir.cement()).vertebrae

    @pytest.mark.parametrize(
        "code",
        [
            "55705006",
            "86782006",
            "20701002",
            "392236004",
            "1303934005",
            "392010000",
            "429616001",
            "40388003",
            "33620004",
        ],
    )
    def test_no_snomed_code_is_a_method(self, run, fhir, codes, code):
        """Fusion and removal are none, and wrong codes that circulate are refused."""
        assert not run(
            fhir.procedure((codes.SNOMED, code), sites=["L1"]),
            fhir.condition("S32.010A"),
            fhir.cement(),
        ).vertebrae


class TestSeveralMethods:
    """Screws and cement, vertebroplasty and kyphoplasty."""

    def test_screws_and_cement_of_one_vertebra_are_screws(self, one, fhir, values):
        """Pedicle screw counts, flagged."""
        vertebra = one(
            fhir.procedure("pvp", sites=["L1"]),
            fhir.procedure("pedicle-screw-fixation", sites=["L1"]),
        )
        assert values(vertebra).method == "pedicle_screw"
        assert Flag.TWO_METHODS in vertebra.flags

    def test_screws_around_the_cemented_vertebra_are_one_construct(
        self, one, fhir, values
    ):
        """Screws of the neighbours and cement in the fracture: one vertebra."""
        vertebra = one(
            fhir.procedure("pvp", sites=["L1"]),
            fhir.procedure("pedicle-screw-fixation", sites=["T12", "L2"]),
            fhir.condition("S32.010A"),
        )
        assert (values(vertebra).level, values(vertebra).method) == (
            "L1",
            "pedicle_screw",
        )

    def test_cement_elsewhere_is_another_vertebra(self, run, fhir, values):
        """Screws of L1, vertebroplasty of L4: two assessments."""
        found = run(
            fhir.procedure("pvp", sites=["L4"]),
            fhir.procedure("pedicle-screw-fixation", sites=["T12", "L1", "L2"]),
            fhir.condition("S32.010A"),
            fhir.condition("S32.040A"),
        )
        assert [(values(v).level, values(v).method) for v in found.vertebrae] == [
            ("L1", "pedicle_screw"),
            ("L4", "pvp"),
        ]

    def test_pcs_cement_and_device_without_levels_are_one(self, one, fhir, values):
        """Cement-augmented screws give both codes."""
        vertebra = one(fhir.pcs("0QU03JZ"), fhir.pcs("0QS034Z"))
        assert values(vertebra).method == "pedicle_screw"
        assert {Flag.TWO_METHODS, Flag.METHOD_INFERRED} <= vertebra.flags

    def test_missing_ratio_of_screws_with_cement_is_not_recorded(
        self, one, fhir, values
    ):
        """Cement was used: the ratio exists and can be asked for."""
        vertebra = one(fhir.pcs("0QU03JZ"), fhir.pcs("0QS034Z"))
        assert values(vertebra).cement == "not-recorded"

    @pytest.mark.parametrize("together", [True, False])
    def test_vertebroplasty_and_kyphoplasty_contradict(self, one, fhir, together):
        """Both of one vertebra: conflict, blocks, names both."""
        procedures = (
            [fhir.procedure("pvp", "pkp", sites=["L1"])]
            if together
            else [
                fhir.procedure("pvp", sites=["L1"]),
                fhir.procedure("pkp", sites=["L1"]),
            ]
        )
        vertebra = one(*procedures)
        assert vertebra.method.reason is Reason.CONFLICT
        assert vertebra.method.candidates == tuple(
            f"Procedure/{p['id']}" for p in procedures
        )
        first, last = procedures[0]["id"], procedures[-1]["id"]
        assert vertebra.conflicts == (
            "two methods of augmentation of one vertebra:"
            f" PVP (Procedure/{first}) and PKP (Procedure/{last})",
        )

    def test_single_pcs_code_against_another_system_contradicts(self, one, fhir, codes):
        """Supplement alone says vertebroplasty, OPS says kyphoplasty."""
        vertebra = one(fhir.procedure((codes.PCS, "0QU03JZ"), (codes.OPS, "5-839.a0")))
        assert vertebra.method.reason is Reason.CONFLICT

    def test_two_records_of_one_operation_are_one_vertebra(self, one, fhir, values):
        """The surgeon's record has the level, the billing record has not."""
        vertebra = one(
            fhir.procedure("pkp", sites=["L1"]),
            fhir.pcs("0QU03JZ", "0QS03ZZ", at="2024-05-02"),
        )
        assert (values(vertebra).level, values(vertebra).method) == ("L1", "pkp")
        assert Flag.NUMBER_UNKNOWN not in vertebra.flags
        assert vertebra.operation.day.isoformat() == "2024-05-02"

    def test_record_without_level_may_be_of_any(self, run, fhir, values):
        """It adds nothing where several vertebrae have records of their own."""
        found = run(
            fhir.procedure("pkp", sites=["L1"]),
            fhir.procedure("pkp", sites=["L3"]),
            fhir.pcs("0QU03JZ", "0QS03ZZ"),
        )
        assert [v.operation.sources for v in found.vertebrae] == [
            ("Procedure/pr1",),
            ("Procedure/pr2",),
        ]

    def test_other_method_without_level_contradicts_all(self, run, fhir):
        """Which of them was the vertebroplasty cannot be told."""
        found = run(
            fhir.procedure("pkp", sites=["L1"]),
            fhir.procedure("pkp", sites=["L3"]),
            fhir.pcs("0QU03JZ"),
        )
        assert all(v.method.reason is Reason.CONFLICT for v in found.vertebrae)


class TestSeveralVertebrae:
    """Each fractured and operated vertebra is one assessment."""

    def test_two_levels_are_two_assessments_from_the_head_down(self, run, fhir, values):
        """Flagged, and each with its own operation."""
        found = run(
            fhir.procedure("pvp", sites=["L3"]), fhir.procedure("pkp", sites=["T12"])
        )
        assert [values(v).level for v in found.vertebrae] == ["T12", "L3"]
        assert all(Flag.SEVERAL_VERTEBRAE in v.flags for v in found.vertebrae)

    def test_two_sites_of_one_procedure_are_two_assessments(self, run, fhir, values):
        """Several body sites are several vertebrae."""
        found = run(fhir.procedure("pvp", sites=["L1", "L3"]))
        assert [values(v).level for v in found.vertebrae] == ["L1", "L3"]

    def test_two_segments_by_code_are_two_assessments(self, run, fhir, values):
        """A thoracic and a lumbar code cannot be of one vertebra."""
        found = run(fhir.pcs("0PU43JZ"), fhir.pcs("0QU03JZ"))
        assert [values(v).segment for v in found.vertebrae] == ["thoracic", "lumbar"]

    def test_same_code_twice_without_levels_is_an_unknown_number(
        self, one, fhir, values
    ):
        """Measurements without a level do not serve."""
        vertebra = one(
            fhir.pcs("0QU03JZ"),
            fhir.pcs("0QU03JZ"),
            fhir.cement(),
            fhir.pre(),
            fhir.post(),
        )
        assert Flag.NUMBER_UNKNOWN in vertebra.flags
        assert (values(vertebra).cement, values(vertebra).crr) == (
            "region-not-level",
            "region-not-level",
        )

    @pytest.mark.parametrize("name", [None, 5])
    def test_procedures_without_id_are_told_apart(self, one, fhir, name):
        """Two of them are two."""
        vertebra = one(
            fhir.pcs("0QU03JZ", id=name), fhir.pcs("0QU03JZ", id=name, at=None)
        )
        assert Flag.NUMBER_UNKNOWN in vertebra.flags

    def test_same_code_with_and_without_level_is_an_unknown_number(self, one, fhir):
        """The one without level may be of another vertebra."""
        vertebra = one(fhir.procedure("pvp", sites=["L1"]), fhir.procedure("pvp"))
        assert Flag.NUMBER_UNKNOWN in vertebra.flags

    def test_same_code_twice_at_one_level_is_one(self, one, fhir):
        """Two records of one vertebra."""
        vertebra = one(
            fhir.procedure("pvp", sites=["L1"]), fhir.procedure("pvp", sites=["L1"])
        )
        assert Flag.NUMBER_UNKNOWN not in vertebra.flags

    def test_two_fractures_inside_a_construct_are_two(self, run, fhir, values):
        """Screws over both fractured vertebrae, named as sites."""
        found = run(
            fhir.procedure("pedicle-screw-fixation", sites=["T12", "L1", "L2", "L3"]),
            fhir.condition("S32.010A"),
            fhir.condition("S32.020A"),
        )
        assert [values(v).level for v in found.vertebrae] == ["L1", "L2"]

    def test_fracture_of_one_does_not_contradict_the_other(self, run, fhir, values):
        """Only one of two operated vertebrae has a diagnosis."""
        found = run(
            fhir.procedure("pvp", sites=["L1"]),
            fhir.procedure("pvp", sites=["L3"]),
            fhir.condition("S32.010A"),
        )
        assert [values(v).segment for v in found.vertebrae] == ["lumbar", "lumbar"]
        assert [Flag.FRACTURE_NOT_DOCUMENTED in v.flags for v in found.vertebrae] == [
            False,
            True,
        ]


class TestScrewsWithoutFracture:
    """Degenerative surgery is silent."""

    def test_screws_with_neither_fracture_nor_ratio_are_silent(self, run, fhir):
        """Not eligible: nothing is shown."""
        found = run(fhir.procedure("pedicle-screw-fixation", sites=["L4"]))
        assert found.not_assessed is Reason.NO_ELIGIBLE_OPERATION

    def test_ratio_speaks_for_a_fracture(self, one, fhir, values):
        """A cement ratio is recorded for fractures only; flagged."""
        vertebra = one(
            fhir.procedure("pedicle-screw-fixation", sites=["L4"]), fhir.cement()
        )
        assert values(vertebra).cement == 52
        assert Flag.FRACTURE_NOT_DOCUMENTED in vertebra.flags

    def test_unreadable_ratio_speaks_for_a_fracture_too(self, one, fhir, values):
        """It was recorded: the card asks for it."""
        vertebra = one(
            fhir.procedure("pedicle-screw-fixation", sites=["L4"]),
            fhir.cement({"value": 52}),
        )
        assert values(vertebra).cement == "unit-not-stated"

    def test_old_ratio_does_not(self, run, fhir):
        """A ratio of another operation says nothing about this one."""
        assert not run(
            fhir.procedure("pedicle-screw-fixation", sites=["L4"]),
            fhir.cement(at="2020-01-01"),
        ).vertebrae

    def test_fracture_without_ratio_is_outside_the_study(self, one, fhir, values):
        """The study's patients all had a ratio."""
        vertebra = one(
            fhir.procedure("pedicle-screw-fixation"), fhir.condition("S32.010A")
        )
        assert values(vertebra).cement == "not-applicable"

    def test_unavailable_observations_leave_it_open(self, one, fhir, values):
        """Whether there is a ratio is not known: not silent."""
        vertebra = one(
            fhir.procedure("pedicle-screw-fixation", sites=["L4"]), observations=None
        )
        assert values(vertebra).cement == "unavailable"

    def test_unavailable_conditions_do_not(self, run, fhir):
        """Otherwise every degenerative operation would give a card."""
        assert not run(
            fhir.procedure("pedicle-screw-fixation", sites=["L4"]), conditions=None
        ).vertebrae

    @pytest.mark.parametrize("code", ["pvp", "pkp"])
    def test_augmentation_speaks_for_a_fracture(self, one, fhir, code):
        """A fracture Condition is not required; flagged."""
        vertebra = one(fhir.procedure(code, sites=["L1"]))
        assert vertebra.flags == {Flag.FRACTURE_NOT_DOCUMENTED}

    def test_documented_fracture_is_not_flagged(self, one, typical):
        """The flag is about the vertebra's own fracture."""
        assert Flag.FRACTURE_NOT_DOCUMENTED not in one(*typical).flags

    def test_fracture_is_not_called_undocumented_if_nobody_could_look(self, run, fhir):
        """Unknown is not no."""
        found = run(fhir.procedure("pvp", sites=["L1"]), conditions=None)
        (vertebra,) = found.vertebrae
        assert Flag.FRACTURE_NOT_DOCUMENTED not in vertebra.flags
        assert "exclusions" in found.unchecked


class TestScrewsWithoutCement:
    """The study has no patient with screws and a cement ratio of 0 %."""

    def test_ratio_of_zero_does_not_apply(self, one, fhir):
        """It says that there is no cement; the record is named."""
        vertebra = one(
            fhir.procedure("pedicle-screw-fixation"),
            fhir.condition("S32.010A"),
            fhir.cement(0),
        )
        found = vertebra.cement_ratio_percent
        assert found.reason is Reason.NOT_APPLICABLE
        assert found.candidates == ("Observation/ob3",)

    def test_absent_ratio_does_not_apply(self, one, fhir, codes):
        """Looked for, and nothing there to be measured."""
        vertebra = one(
            fhir.procedure("pedicle-screw-fixation"),
            fhir.condition("S32.010A"),
            fhir.observation(
                "cement-ratio-ap",
                dataAbsentReason=codes.concept((codes.LOCAL, "not-applicable")),
            ),
        )
        found = vertebra.cement_ratio_percent
        assert found.reason is Reason.NOT_APPLICABLE
        assert found.candidates == ("Observation/ob3",)

    def test_ratio_of_zero_does_not_speak_for_a_fracture(self, run, fhir):
        """Without a fracture such screws are degenerative surgery."""
        found = run(fhir.procedure("pedicle-screw-fixation"), fhir.cement(0))
        assert found.not_assessed is Reason.NO_ELIGIBLE_OPERATION

    @pytest.mark.parametrize(
        "methods", [["pvp"], ["pkp"], ["pedicle-screw-fixation", "pvp"]]
    )
    def test_ratio_of_zero_beside_cement_is_a_value(self, one, fhir, values, methods):
        """Cement was used and reaches nowhere on the film."""
        made = [fhir.procedure(method, sites=["L1"]) for method in methods]
        found = values(one(*made, fhir.condition("S32.010A"), fhir.cement(0)))
        assert found.cement == 0

    def test_unreadable_ratio_is_asked_for(self, one, fhir, values, codes):
        """A ratio in an unknown unit may speak of cement."""
        vertebra = one(
            fhir.procedure("pedicle-screw-fixation"),
            fhir.condition("S32.010A"),
            fhir.cement(codes.quantity(0, "parsec")),
        )
        assert values(vertebra).cement == "unit-unknown"
