"""Rows of a cohort table: what is taken, what is refused, and that both are told."""

import re
from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.cohort.rows import check_rows
from service.cohort.units import check_units
from service.fhir.angles import settle_angles
from service.fhir.findings import Coding, Flag, Measurement, Missing, Reason
from service.fhir.measurements import Chosen
from service.model import load_bundled
from service.model.predictors import INPUTS, check_inputs

HEADER = (
    "id,segment,method,cement_ratio_percent,cobb_preoperative_deg,"
    "cobb_postoperative_deg,scnen"
)
RATIO = "cobb_restoration_ratio_percent"
WITH_RATIO = f"{HEADER},{RATIO}"
RATIO_ALONE = f"id,segment,method,cement_ratio_percent,{RATIO},scnen"
DATED = f"{HEADER},operation_date,predictors_date,outcome_date"


def test_a_row_is_a_patient(read):
    """Labels, numbers and the outcome come as they stand there."""
    cohort = read("p1,lumbar,pkp,52.5,12,6,1")
    assert cohort.ids == ("p1",)
    assert {name: column[0] for name, column in cohort.columns.items()} == {
        "segment": "lumbar",
        "method": "pkp",
        "cement_ratio_percent": 52.5,
        RATIO: 50.0,
        "cobb_preoperative_deg": 12.0,
        "cobb_postoperative_deg": 6.0,
    }
    assert cohort.scnen.tolist() == [1.0]
    assert cohort.refused == ()


def test_empty_scnen_is_not_examined(read):
    """Never 0."""
    cohort = read("p1,lumbar,pkp,52,12,6,", "p2,lumbar,pkp,52,12,6,0")
    assert cohort.examined().tolist() == [False, True]


def test_empty_inputs_are_missing_and_not_refused(read):
    """The patient stays in every count; nobody scores them."""
    cohort = read("p1,,,,,,1")
    assert len(cohort) == 1
    assert not cohort.complete(load_bundled("liu-nomogram")).any()


def test_further_columns_are_kept_as_text(read):
    """They become subgroups or candidates."""
    cohort = read("p1,lumbar,pkp,52,12,6,1, f ,", header=f"{HEADER},sex,t_score")
    assert {name: column.tolist() for name, column in cohort.others.items()} == {
        "sex": ["f"],
        "t_score": [""],
    }


def test_the_ratio_may_stand_for_the_angles(read):
    """Then the angles are missing."""
    cohort = read("p1,lumbar,pkp,52,40,1", header=RATIO_ALONE)
    assert cohort.columns[RATIO].tolist() == [40.0]
    assert np.isnan(cohort.columns["cobb_postoperative_deg"]).all()


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        (",lumbar,pkp,52,12,6,1", "id", "is empty"),
        ("p1,Lumbar,pkp,52,12,6,1", "segment", "must be one of thoracic, lumbar"),
        ("p1,lumbar,PKP,52,12,6,1", "method", "must be one of pedicle_screw, pvp, pkp"),
        ('p1,lumbar,pkp,"52,5",12,6,1', "cement_ratio_percent", "decimal comma"),
        ("p1,lumbar,pkp,52%,12,6,1", "cement_ratio_percent", "per cent sign"),
        ("p1,lumbar,pkp,NA,12,6,1", "cement_ratio_percent", "leave it empty"),
        ("p1,lumbar,pkp,nan,12,6,1", "cement_ratio_percent", "is no number"),
        ("p1,lumbar,pkp,inf,12,6,1", "cement_ratio_percent", "is no number"),
        ("p1,lumbar,pkp,5_2,12,6,1", "cement_ratio_percent", "is no number"),
        ("p1,lumbar,pkp,100.1,12,6,1", "cement_ratio_percent", r"\[0, 100\] %"),
        ("p1,lumbar,pkp,-1,12,6,1", "cement_ratio_percent", r"\[0, 100\] %"),
        ("p1,lumbar,pkp,52,91,6,1", "cobb_preoperative_deg", r"\[-90, 90\] deg"),
        ("p1,lumbar,pkp,52,2,8,1", "cobb_postoperative_deg", "ratio of the angles"),
        ("p1,lumbar,pkp,52,12,-6,1", "cobb_postoperative_deg", "opposite sign"),
        ("p1,lumbar,pkp,52,-12,,1", "cobb_preoperative_deg", "is negative"),
        ("p1,lumbar,pkp,52,12,6,yes", "scnen", "must be 1, 0, or empty"),
        ("p1,lumbar,pkp,52,12,6,1.0", "scnen", "must be 1, 0, or empty"),
        ("p1,lumbar,pkp,52,12,6", "", "has 6 fields where the header has 7"),
        ("p1,lumbar,pkp,52,5,12,6,1", "", "has 8 fields where the header has 7"),
    ],
)
def test_a_fault_is_named_with_its_field(reasons, row, field, words):
    """One sentence says what is wrong, and what to do."""
    ((number, name, reason),) = reasons(row)
    assert (number, name) == (1, field)
    assert re.search(words, reason)


def test_no_value_of_a_patient_stands_in_a_reason(reasons):
    """The list of refused rows is passed around more freely than the table."""
    found = reasons("p1,Lumba,pkq,1234,5678,6,yes")
    assert len(found) == 5
    for _, _, reason in found:
        assert not re.search("Lumba,|pkq|1234|5678|yes", reason)


def test_every_fault_of_a_row_is_named(reasons):
    """Nobody has to come back for the second one."""
    found = reasons("p1,x,pkp,520,12,6,2", "p2,lumbar,pkp,52,12,6,1")
    assert [(row, field) for row, field, _ in found] == [
        (1, "segment"),
        (1, "cement_ratio_percent"),
        (1, "scnen"),
    ]


def test_rows_are_taken_or_refused_and_never_lost(read):
    """Row numbers count without the header and without empty lines."""
    cohort = read("p1,lumbar,pkp,52,12,6,1", "", "p2", "p3,lumbar,pkp,52,12,6,1")
    assert cohort.ids == ("p1", "p3")
    assert [each.row for each in cohort.refused] == [2]


def test_an_id_in_several_rows_refuses_all_of_them(read):
    """Which of them counts cannot be known, even if another fault keeps one out."""
    cohort = read(
        "p1,lumbar,pkp,52,12,6,1",
        "p2,lumbar,pkp,52,12,6,0",
        "p1,lumbar,pkp,52,12,6,0",
        "p3,lumbar,pkp,52,12,6,0",
        "p2,lumbar,pkp,520,12,6,0",
    )
    assert cohort.ids == ("p3",)
    twice = [each.row for each in cohort.refused if each.field == "id"]
    assert twice == [1, 2, 3, 5]


def test_rows_without_id_do_not_count_as_one_patient(reasons):
    """They are refused for what they lack."""
    found = reasons(",lumbar,pkp,52,12,6,1", ",lumbar,pkp,52,12,6,1")
    assert [reason.partition(";")[0] for _, _, reason in found] == ["is empty"] * 2


def test_two_negative_angles_are_magnitudes(read):
    """As for a call: nobody recorded two lordoses where the study has kyphoses."""
    cohort = read("p1,lumbar,pkp,52,-12,-6,1")
    assert cohort.columns["cobb_postoperative_deg"].tolist() == [6.0]
    assert cohort.columns[RATIO].tolist() == [50.0]


def test_signs_stay_where_they_are_declared(read):
    """Over-correction into lordosis is one."""
    cohort = read("p1,lumbar,pkp,52,12,-3,1", signed_angles=True)
    assert cohort.columns["cobb_postoperative_deg"].tolist() == [-3.0]
    assert cohort.columns[RATIO].tolist() == [125.0]


@pytest.mark.parametrize(("ratio", "is_taken"), [("51", True), ("51.01", False)])
def test_a_recorded_ratio_fits_the_angles(read, ratio, is_taken):
    """One percentage point is rounding; what is computed counts."""
    cohort = read(f"p1,lumbar,pkp,52,12,6,1,{ratio}", header=WITH_RATIO)
    assert cohort.columns[RATIO].tolist() == ([50.0] if is_taken else [])
    assert [each.field for each in cohort.refused] == ([] if is_taken else [RATIO])


@pytest.mark.parametrize(("recorded", "ratio"), [("", np.nan), ("40", 40.0)])
def test_an_angle_of_0_leaves_a_recorded_ratio(read, recorded, ratio):
    """It cannot be computed; nothing is put in its place."""
    cohort = read(f"p1,lumbar,pkp,52,0,0,1,{recorded}", header=WITH_RATIO)
    assert np.array_equal(cohort.columns[RATIO], [ratio], equal_nan=True)


@pytest.mark.parametrize(
    ("days", "field", "words"),
    [
        ("2026-03-02,2026-04-02,2026-04-01", "predictors_date", "only afterwards"),
        ("2026-05-02,,2026-04-01", "operation_date", "is one of the operation"),
        ("02.03.2026,,", "operation_date", "YYYY-MM-DD"),
        ("20260302,,", "operation_date", "YYYY-MM-DD"),
        ("2026-02-30,,", "operation_date", "YYYY-MM-DD"),
    ],
)
def test_dates_must_be_days_in_their_order(reasons, days, field, words):
    """What is known only after the outcome predicts nothing."""
    ((_, name, reason),) = reasons(f"p1,lumbar,pkp,52,12,6,1,{days}", header=DATED)
    assert name == field
    assert words in reason


def test_who_was_not_examined_has_no_date_of_it(reasons):
    """One of the two is wrong."""
    row = "p1,lumbar,pkp,52,12,6,,2026-03-02,2026-03-05,2026-08-01"
    ((_, field, reason),) = reasons(row, header=DATED)
    assert field == "outcome_date"
    assert "scnen is empty" in reason


def test_dates_are_kept_and_may_be_the_same_day(read):
    """A model that is made of the cohort says from when to when it is."""
    row = "p1,lumbar,pkp,52,12,6,1,,2026-03-05,2026-03-05"
    cohort = read(row, header=DATED)
    assert [str(days[0]) for days in cohort.dates.values()] == [
        "NaT",
        "2026-03-05",
        "2026-03-05",
    ]
    assert len(cohort.subset(~cohort.examined()).dates["outcome_date"]) == 0


@pytest.mark.parametrize(
    ("cement", "which"), [(("0.5", "0.6"), "all"), (("0.5", "60"), "some")]
)
def test_fractions_of_cement_are_warned_of(read, cement, which):
    """0.52 for 52 % is another patient."""
    rows = [f"p{value},lumbar,pkp,{value},12,6,1" for value in cement]
    (warning,) = read(*rows).warnings
    assert warning.startswith(f"cement_ratio_percent: {which} of its values")
    assert "52, not 0.52" in warning


@pytest.mark.parametrize(("ratios", "warned"), [((0.4, -1), 1), ((0.4, 20), 0)])
def test_fractions_of_restoration_are_warned_of_where_all_are(read, ratios, warned):
    """A restoration of half a per cent alone is one of many."""
    rows = [f"p{value},lumbar,pkp,52,{value},1" for value in ratios]
    assert len(read(*rows, header=RATIO_ALONE).warnings) == warned


@pytest.mark.parametrize(("small", "is_refused"), [(1, False), (2, True)])
def test_of_more_fractions_than_chance_explains_no_model_is_made(small, is_refused):
    """One in a hundred may have so little cement."""
    cement = np.full(100, 52.0)
    cement[:small] = 0.52
    columns = {"cement_ratio_percent": cement, RATIO: np.full(100, 50.0)}
    refusal = pytest.raises(ValueError, match=r"2 of 100.*take these rows out")
    with refusal if is_refused else nullcontext():
        check_units(columns)


@pytest.mark.parametrize(
    ("scnen", "day", "words"),
    [
        (0, "2026-04-01", '1 "no" were found before the follow-up of 183 days'),
        (1, "2026-12-01", '1 "yes" were found more than 183 days after'),
        (0, "2026-12-01", ""),
        (1, "2026-04-01", ""),
    ],
)
def test_outcomes_of_another_time_are_told(read, scnen, day, words):
    """The model predicts six months: a file says no less of it than the store."""
    row = f"p1,lumbar,pkp,52,12,6,{scnen},2026-03-02,2026-03-02,{day}"
    found = " ".join(read(row, header=DATED).warnings)
    assert words in found if words else not found


def test_a_table_is_read_in_blocks_and_says_how_far_it_is(read):
    """A million rows are no reason to wait in silence, or for memory."""
    done = []
    rows = [f"p{number},lumbar,pkp,52,12,6,1" for number in range(45_000)]
    cohort = read(*rows, "p7,lumbar,pkp,52,12,6,1", progress=done.append)
    assert done == [20_000, 20_000, 5_001]
    assert [each.row for each in cohort.refused] == [8, 45_001]


texts = st.one_of(
    st.sampled_from(["", "0", "-0", "nan", "1e400", "90", "-90", "200", "1e2", "x"]),
    st.floats(-300, 300).map(repr),
)


@given(texts=st.fixed_dictionaries(dict.fromkeys(INPUTS, texts)))
def test_what_is_taken_would_be_taken_from_a_call(texts):
    """The rules are those of the inputs of a model."""
    texts["segment"] = "lumbar" if "1" in texts["segment"] else texts["segment"]
    row = {name: [text] for name, text in ({"id": "p1", "scnen": ""} | texts).items()}
    block = check_rows(row, [1], signed_angles=True)
    if block.kept[0]:
        taken = {name: column.tolist()[0] for name, column in block.columns.items()}
        check_inputs(
            {name: v for name, v in taken.items() if v != "" and str(v) != "nan"}
        )


angles = st.none() | st.integers(-400, 400).map(lambda tenths: tenths / 10)


def _chosen(value, unit):
    """A value as the extraction of a call has it."""
    if value is None:
        return Chosen(Missing(Reason.NOT_RECORDED))
    code = Coding("http://example.org", "x")
    return Chosen(
        Measurement(value, unit, str(value), code, "Observation/1", None, None)
    )


def _is_refused(live):
    """Whether the live service would not use the angles, or say that they differ."""
    stops = {Reason.CONFLICT, Reason.OUT_OF_PHYSICAL_RANGE}
    is_stopped = isinstance(live.ratio, Missing) and live.ratio.reason in stops
    return is_stopped or Flag.CRR_RECORDED_DIFFERS in live.flags


def _value(found):
    return np.nan if isinstance(found, Missing) else found.value


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(before=angles, after=angles, ratio=st.none() | st.integers(-200, 200))
def test_angles_are_settled_as_for_a_call(before, after, ratio):
    """A cohort that is read otherwise would validate another model."""
    given = (before, after, ratio)
    live = settle_angles(
        *(_chosen(v, u) for v, u in zip(given, ("deg", "deg", "%"), strict=True)),
        "http://example.org",
    )
    names = ("cobb_preoperative_deg", "cobb_postoperative_deg", RATIO)
    texts = {"id": ["p1"], "scnen": [""]}
    texts |= {
        name: ["" if value is None else repr(value)]
        for name, value in zip(names, given, strict=True)
    }
    block = check_rows(texts, [1])
    assert block.kept[0] != _is_refused(live)
    if block.kept[0]:
        found = [block.columns[name][0] for name in names]
        expected = map(_value, (live.preoperative, live.postoperative, live.ratio))
        assert found == pytest.approx([*expected], nan_ok=True)
