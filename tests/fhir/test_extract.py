"""The whole extraction: what a typical record gives, and what a bad one costs."""

import random
from datetime import datetime

import pytest

from service.fhir import resources
from service.fhir.findings import Flag, Reason


def test_typical_record_gives_every_predictor_with_its_source(one, typical, values):
    """A kyphoplasty with two films and a ratio is complete."""
    vertebra = one(*typical)
    found = values(vertebra)
    assert (found.level, found.segment, found.method) == ("L1", "lumbar", "pkp")
    assert (found.cement, found.pre, found.post, found.crr) == (52, 20, 5, 75)
    assert vertebra.cement_ratio_percent.source == "Observation/ob4"
    assert vertebra.cement_ratio_percent.as_found == "52 %"
    assert vertebra.cement_ratio_percent.status == "final"
    assert vertebra.cement_ratio_percent.code.code == "cement-ratio-ap"
    assert vertebra.cement_ratio_percent.unit == "%"
    assert vertebra.operation.day.isoformat() == "2024-05-02"
    assert vertebra.operation.sources == ("Procedure/pr1",)
    assert vertebra.flags == frozenset()
    assert vertebra.conflicts == ()


def test_computed_ratio_names_both_films(one, typical):
    """The restoration ratio says which angles it was computed from."""
    ratio = one(*typical).cobb_restoration_ratio_percent
    assert ratio.source == "Observation/ob2, Observation/ob3"
    assert ratio.as_found == "computed from 20 deg and 5 deg"


def test_no_operation_is_not_assessed(run, fhir):
    """Without an eligible Procedure there is nothing to assess."""
    found = run(fhir.pre(), fhir.condition("S32.010A"))
    assert found.not_assessed is Reason.NO_ELIGIBLE_OPERATION
    assert found.vertebrae == ()


def test_no_operation_is_told_even_without_observations(run):
    """Procedures are judged first."""
    found = run(observations=None, conditions=None, patient=None)
    assert found.not_assessed is Reason.NO_ELIGIBLE_OPERATION


def test_observations_that_could_not_be_had_are_unavailable(one, typical, values):
    """Unavailable is another thing than not recorded."""
    found = values(one(*typical, observations=None))
    assert (found.cement, found.pre, found.post, found.crr) == ("unavailable",) * 4
    assert found.segment == "lumbar"


def test_empty_observations_are_not_recorded(one, typical, values):
    """An empty answer is data: nothing is recorded."""
    found = values(one(*typical, observations=[]))
    assert (found.cement, found.crr) == ("not-recorded", "not-recorded")


def test_resources_of_another_patient_are_dropped_and_counted(run, fhir, typical):
    """Nothing of another patient reaches the result."""
    stranger = {"subject": {"reference": "Patient/p2"}}
    nobody = {"subject": None}
    found = run(
        *typical,
        fhir.cement(10, **stranger),
        fhir.pcs("0PU43JZ", **stranger),
        fhir.condition("A18.01", **stranger),
        fhir.cement(11, **nobody),
    )
    assert found.other_patient == 4
    assert found.vertebrae == run(*typical).vertebrae


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/p1",
        "https://ehr.example.org/fhir/Patient/p1",
        "Patient/p1/_history/3",
    ],
)
def test_subject_may_be_relative_absolute_or_versioned(run, fhir, reference):
    """The id decides, however the reference is written."""
    procedure = fhir.procedure("pvp", sites=["L1"], subject={"reference": reference})
    assert len(run(procedure).vertebrae) == 1


@pytest.mark.parametrize(
    "reference",
    [
        "p1",
        "Group/p1",
        "Patient/p11",
        "",
        "#p1",
        None,
        7,
        "urn:uuid:p1",
        "Patient/",
    ],
)
def test_subject_that_is_not_the_patient_is_dropped(run, fhir, reference):
    """What does not point at the patient of the call is not theirs."""
    procedure = fhir.procedure("pvp", sites=["L1"], subject={"reference": reference})
    assert run(procedure).other_patient == 1


def test_same_resource_twice_is_one(one, run, typical):
    """Overlapping pages repeat a resource; that is no second operation."""
    assert run(*typical, *typical).vertebrae == (one(*typical),)


def test_newest_version_of_a_resource_counts(run, fhir, typical, codes):
    """A later version that is entered in error takes the earlier one away."""
    old = {**typical[3], "meta": {"lastUpdated": "2024-05-03T10:00:00Z"}}
    new = {
        **old,
        "status": "entered-in-error",
        "meta": {"lastUpdated": "2024-05-04T10:00:00Z"},
    }
    for order in ([old, new], [new, old]):
        (vertebra,) = run(*typical[:3], *order, typical[4]).vertebrae
        assert vertebra.cement_ratio_percent.reason is Reason.NOT_RECORDED


def test_one_bad_entry_costs_only_itself_and_is_reported(run, fhir, typical, values):
    """A resource that is no valid FHIR is refused by name, the others serve."""
    bad = fhir.cement(60, at="2024-05-04T09:00:00+08:00", bodySite=None)
    bad["code"]["coding"].append({"system": 5})
    found = run(*typical, bad)
    assert values(found.vertebrae[0]).cement == 52
    assert found.rejected == ((f"Observation/{bad['id']}", "code: not valid FHIR R4"),)


def test_only_an_invalid_value_is_no_quantity(one, fhir, typical):
    """Where nothing better exists, the reason says that the record is not valid."""
    bad = fhir.cement(60)
    bad["code"]["coding"].append({"system": 5})
    cement = one(*typical[:3], bad, typical[4]).cement_ratio_percent
    assert cement.reason is Reason.NOT_A_QUANTITY
    assert cement.detail == "not valid FHIR R4"


def test_many_invalid_values_do_not_hide_a_valid_one(one, fhir, typical):
    """However many newer records are broken, the valid one is found."""
    bad = [fhir.cement(60, at=f"2024-05-04T09:{n:02}:00Z") for n in range(9)]
    for resource in bad:
        resource["code"]["coding"].append({"system": 5})
    assert one(*typical, *bad).cement_ratio_percent.value == 52


@pytest.mark.parametrize("element", ["modifierExtension", "implicitRules"])
@pytest.mark.parametrize("number", [0, 3, 4])
def test_what_may_turn_the_meaning_round_is_refused(run, typical, element, number):
    """A modifier that nobody reads makes the resource unusable."""
    typical[number][element] = [{"url": "http://example.org/not", "valueBoolean": True}]
    found = run(*typical)
    kind = typical[number]["resourceType"]
    (fault,) = found.rejected
    assert fault[0].startswith(kind)
    assert element in fault[1]


def test_modifier_in_a_component_is_refused(run, fhir, typical, codes):
    """A panel with a modified component is not used."""
    panel = fhir.observation(
        "predictor-panel",
        component=[
            {
                "code": codes.concept((codes.OWN, "cement-ratio-ap")),
                "valueQuantity": codes.quantity(70, "%"),
                "modifierExtension": [],
            }
        ],
    )
    found = run(*typical[:3], panel, typical[4])
    assert found.vertebrae[0].cement_ratio_percent.reason is Reason.NOT_A_QUANTITY
    assert found.rejected[0][0] == f"Observation/{panel['id']}"


def test_junk_in_the_lists_is_counted(run, typical):
    """Entries that are no resource are reported, not raised."""
    found = run(*typical[1:], procedures=[typical[0], None, 5, {"resourceType": "X"}])
    assert ("Procedure (no id)", "3 entries are no Procedure") in found.rejected
    assert len(found.vertebrae) == 1


def test_hostile_id_is_not_repeated(run, fhir, typical):
    """An id that is none does not reach logs or cards."""
    typical[3]["id"] = "<script>alert(1)</script>"
    (vertebra,) = run(*typical).vertebrae
    assert vertebra.cement_ratio_percent.source == "Observation (no id)"


def test_time_without_zone_is_refused(run, typical):
    """The time of the call must say its zone."""
    with pytest.raises(ValueError, match="now: must have a time zone"):
        run(*typical, now=datetime(2024, 5, 6, 8))  # noqa: DTZ001 the fault under test


def test_order_of_entries_does_not_matter(run, fhir, typical):
    """Shuffled lists give the same result."""
    more = [
        fhir.cement(52, level="L1"),
        fhir.angle(18, "2024-04-20"),
        fhir.condition("S32.000A"),
        fhir.procedure("pkp"),
    ]
    expected = run(*typical, *more)
    for seed in range(8):
        entries = [*typical, *more]
        random.Random(seed).shuffle(entries)  # noqa: S311 a fixed order for a test
        assert run(*entries) == expected


def test_irrelevant_resources_do_not_matter(run, fhir, typical, codes):
    """What has no meaning here changes nothing."""
    others = [
        fhir.observation((codes.SNOMED, "271649006"), codes.quantity(120, "%")),
        fhir.condition("I10"),
        fhir.pcs("0DTJ4ZZ"),
        fhir.observation((codes.LOCAL, "x")),
        fhir.condition((codes.LOCAL, "y")),
    ]
    assert run(*typical, *others) == run(*typical)


@pytest.mark.parametrize(
    "same",
    [
        "2024-05-03T01:00:00Z",
        "2024-05-02T21:00:00-04:00",
        "2024-05-03T01:00:00.000Z",
    ],
)
def test_spelling_of_the_same_instant_does_not_matter(run, fhir, typical, same):
    """Instants are compared, not texts: the film of the 3rd may be of the 2nd there."""
    expected = run(*typical)
    changed = [
        typical[0],
        typical[1],
        {**typical[2], "effectiveDateTime": same},
        {**typical[3], "effectiveDateTime": same},
        typical[4],
    ]
    assert run(*changed) == expected


def test_ten_thousand_observations_take_ten_times_as_long_as_a_thousand(
    run, fhir, typical, grows_like_its_input
):
    """Work grows with the number of entries, not with its square."""
    many = [
        fhir.angle(5 + n % 7, f"2024-05-03T{n % 24:02}:{n % 60:02}:00Z")
        for n in range(10_000)
    ]
    assert len(run(*typical, *many).vertebrae) == 1
    assert grows_like_its_input(lambda part: run(*typical, *part), many)


def test_flags_are_words(one, fhir):
    """Flags are strings that sort, for templates and logs."""
    assert sorted(one(fhir.procedure("pvp", sites=["L1"])).flags) == [
        Flag.FRACTURE_NOT_DOCUMENTED
    ]


def test_huge_texts_are_not_kept_in_memory(run, fhir, typical, codes):
    """Long codes, times and contents are judged, and forgotten."""
    resources._load.cache_clear()
    huge = "9" * 100_000
    wordy = fhir.cement(61, at="2024-05-04T09:00:00Z")
    wordy["code"]["text"] = huge
    found = run(
        *typical, fhir.cement(60, at=huge), fhir.condition(huge), fhir.pcs(huge), wordy
    )
    assert found.vertebrae[0].cement_ratio_percent.value == 61
    assert resources._load.cache_info().currsize <= len(typical)


def test_deeply_nested_content_is_refused(run, fhir, typical):
    """Too deep for JSON to be written again."""
    deep = value = {}
    for _ in range(500):
        value["extension"] = [{}]
        value = value["extension"][0]
    bad = fhir.cement(60, at="2024-05-04T09:00:00Z", bodySite=None)
    bad["valueQuantity"]["extension"] = [deep]
    found = run(*typical, bad)
    assert found.rejected == ((f"Observation/{bad['id']}", "not valid JSON"),)
    assert found.vertebrae[0].cement_ratio_percent.value == 52


def test_repeated_broken_versions_are_one(run, fhir, typical):
    """Versions that cannot be written as JSON do not break the choice."""
    bad = fhir.cement(60, id="x")
    bad["valueQuantity"]["value"] = 2**70
    assert len(run(*typical, bad, dict(bad)).vertebrae) == 1
