"""Signs of the angles, and the restoration ratio recorded against computed."""

import pytest

from service.fhir.findings import Flag, Reason


@pytest.fixture
def settle(one, fhir):
    """Vertebroplasty of L1 with two angles and maybe a recorded ratio."""

    def run_with(pre=None, post=None, ratio=None):
        made = [fhir.procedure("pvp", sites=["L1"])]
        made += [fhir.pre(pre)] if pre is not None else []
        made += [fhir.post(post)] if post is not None else []
        made += [fhir.ratio(ratio)] if ratio is not None else []
        return one(*made)

    return run_with


@pytest.mark.parametrize(
    ("pre", "post", "expected"),
    [
        (20, 5, 75),
        (10, 10, 0),
        (10, 15, -50),
        (20, 0, 100),
        (10.21, 5.86, 42.6053),
    ],
)
def test_ratio_follows_the_formula(settle, values, pre, post, expected):
    """(pre - post) / pre x 100."""
    assert values(settle(pre, post)).crr == pytest.approx(expected, abs=1e-4)


def test_both_negative_are_normalised(settle, values):
    """A signed recording of kyphosis; flagged, the record is shown as found."""
    vertebra = settle(-20, -5)
    found = values(vertebra)
    assert (found.pre, found.post, found.crr) == (20, 5, 75)
    assert Flag.SIGNS_NORMALISED in vertebra.flags
    assert vertebra.cobb_preoperative_deg.as_found == "-20 deg"


def test_negative_and_zero_are_normalised(settle, values):
    """Zero has no sign."""
    assert values(settle(-20, 0)).crr == 100


@pytest.mark.parametrize(("pre", "post"), [(20, -5), (-20, 5)])
@pytest.mark.parametrize("ratio", [None, 75])
def test_opposite_signs_contradict(settle, values, pre, post, ratio):
    """They block the score, also beside a recorded ratio; both are named."""
    vertebra = settle(pre, post, ratio)
    found = values(vertebra)
    assert (found.pre, found.post, found.crr) == ("conflict",) * 3
    assert vertebra.cobb_restoration_ratio_percent.candidates == (
        "Observation/ob2",
        "Observation/ob3",
    )
    assert vertebra.conflicts == (
        f"opposite signs: {pre} deg (Observation/ob2) and {post} deg (Observation/ob3)",
    )


@pytest.mark.parametrize("angles", [{"pre": -20}, {"post": -5}])
def test_one_negative_angle_alone_cannot_be_read(settle, values, angles):
    """Whether the site records signed angles is not known."""
    found = values(settle(**angles))
    (name,) = angles
    assert getattr(found, name) == "conflict"
    assert found.crr == "conflict"


def test_recorded_ratio_serves_alone(settle, values):
    """No angles are needed then."""
    vertebra = settle(ratio=60)
    assert values(vertebra).crr == 60
    assert vertebra.cobb_restoration_ratio_percent.source == "Observation/ob2"


@pytest.mark.parametrize("ratio", [75, 76, 74])
def test_recorded_ratio_within_a_point_agrees(settle, values, ratio):
    """Rounding is no contradiction."""
    vertebra = settle(20, 5, ratio)
    assert values(vertebra).crr == 75
    assert Flag.CRR_RECORDED_DIFFERS not in vertebra.flags


@pytest.mark.parametrize("ratio", [76.01, 70, -75])
def test_recorded_ratio_that_differs_is_flagged(settle, values, ratio):
    """The computed one is used, both are shown."""
    vertebra = settle(20, 5, ratio)
    assert values(vertebra).crr == 75
    assert Flag.CRR_RECORDED_DIFFERS in vertebra.flags
    assert vertebra.conflicts == (
        f"restoration ratio: {ratio} % (Observation/ob4) and 75.0 % (computed)",
    )


def test_angle_of_zero_leaves_the_ratio_undefined(settle, values):
    """Division by nothing; an explicit ratio still serves."""
    undefined = settle(0, 5).cobb_restoration_ratio_percent
    assert undefined.reason is Reason.UNDEFINED
    assert undefined.candidates == ("Observation/ob2",)
    assert values(settle(0, 5, 30)).crr == 30


def test_impossible_computed_ratio_is_refused(settle):
    """From 1 to 5 degrees would be -400 percent."""
    found = settle(1, 5).cobb_restoration_ratio_percent
    assert (found.reason, found.detail) == (
        Reason.OUT_OF_PHYSICAL_RANGE,
        "computed -400 %",
    )


def test_ratio_tells_what_keeps_it_from_being_computed(one, fhir, settle):
    """The reason of the angle, where it has one."""
    vertebra = one(
        fhir.procedure("pvp", sites=["L1"]), fhir.pre(at="2020-01-01"), fhir.post()
    )
    assert vertebra.cobb_restoration_ratio_percent.reason is Reason.STALE
    assert settle(20).cobb_restoration_ratio_percent.reason is Reason.NOT_RECORDED


def test_unusable_recorded_ratio_is_told(one, fhir, codes):
    """Without angles the fault of the record is the reason."""
    ratio = fhir.observation("cobb-restoration-ratio", {"value": 60})
    vertebra = one(fhir.procedure("pvp", sites=["L1"]), ratio)
    assert vertebra.cobb_restoration_ratio_percent.reason is Reason.UNIT_NOT_STATED


def test_two_recorded_ratios_that_differ_contradict(one, fhir):
    """Also beside angles: the record must be settled first."""
    vertebra = one(
        fhir.procedure("pvp", sites=["L1"]),
        fhir.ratio(60),
        fhir.ratio(70),
        fhir.pre(20),
        fhir.post(5),
    )
    assert vertebra.cobb_restoration_ratio_percent.reason is Reason.CONFLICT
    assert len(vertebra.conflicts) == 1


def test_conflict_of_an_angle_blocks_the_recorded_ratio(one, fhir):
    """Two preoperative values at one time block the score."""
    vertebra = one(
        fhir.procedure("pvp", sites=["L1"]),
        fhir.pre(20),
        fhir.pre(25),
        fhir.post(5),
        fhir.ratio(75),
    )
    assert vertebra.cobb_restoration_ratio_percent.reason is Reason.CONFLICT
