"""Arbitrary JSON in the place of resources: never an exception, never a guess."""

import copy
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.fhir.findings import Extraction, Measurement, Reason

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["final", "L1", "deg", "2024-05-02", "Patient/p1", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "coding",
                    "system",
                    "code",
                    "value",
                    "unit",
                    "reference",
                    "start",
                    "end",
                    "text",
                    "modifierExtension",
                ]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)

RELAXED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def paths(value, prefix=()):
    """All places in a JSON value."""
    yield prefix
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        yield from paths(inner, (*prefix, key))


def put(value, path, new):
    """A copy with one place changed."""
    if not path:
        return new
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return changed


def check(extraction):
    """What must hold for every result."""
    assert isinstance(extraction, Extraction)
    assert bool(extraction.vertebrae) is (extraction.not_assessed is None)
    for vertebra in extraction.vertebrae:
        for name, low, high in (
            ("cement_ratio_percent", 0, 100),
            ("cobb_preoperative_deg", -90, 90),
            ("cobb_postoperative_deg", -90, 90),
            ("cobb_restoration_ratio_percent", -200, 200),
        ):
            found = getattr(vertebra, name)
            if isinstance(found, Measurement):
                assert low <= found.value <= high
            else:
                assert found.reason in Reason


@RELAXED
@given(data=st.data())
def test_one_changed_place_never_raises(data, fhir, run):
    """Any JSON at any place of a full record."""
    record = [
        fhir.pcs(
            "0QU03JZ",
            "0QS03ZZ",
            sites=["L1"],
            reasonReference=[{"reference": "Condition/c"}],
        ),
        fhir.procedure("pedicle-screw-fixation", sites=["T12", "L2"]),
        fhir.pre(20),
        fhir.post(5, level="L1"),
        fhir.cement(52),
        fhir.ratio(70),
        fhir.fracture_segment("L1"),
        fhir.observation(
            "predictor-panel",
            component=[
                {
                    "code": fhir.cement()["code"],
                    "valueQuantity": {"value": 5, "unit": "%"},
                }
            ],
        ),
        fhir.condition("S32.010A", id="c", onsetDateTime="2024-04-30"),
        fhir.encounter(diagnosis=[{"condition": {"reference": "Condition/c"}}]),
        fhir.patient(),
    ]
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(list(paths(record))[1:]))
        try:
            record = put(record, place, data.draw(JSON))
        except (KeyError, IndexError, TypeError):
            continue
    check(
        run(
            procedures=record[:2],
            observations=record[2:8],
            conditions=record[8:9],
            encounter=record[9],
            patient=record[10],
        )
    )


@RELAXED
@given(entries=st.lists(JSON, max_size=5), single=JSON)
def test_arbitrary_json_never_raises(entries, single, run):
    """In all lists and single resources."""
    check(
        run(
            procedures=entries,
            observations=entries,
            conditions=entries,
            patient=single,
            encounter=single,
        )
    )


@RELAXED
@given(
    changes=st.dictionaries(
        st.sampled_from(
            [
                "status",
                "effectiveDateTime",
                "valueQuantity",
                "bodySite",
                "focus",
                "dataAbsentReason",
                "component",
                "encounter",
                "id",
                "meta",
            ]
        ),
        JSON,
    )
)
def test_changed_measurement_never_becomes_another_number(changes, fhir, run):
    """A value is the recorded one or none: 52 stays 52 where its quantity is whole."""
    cement = {**fhir.cement(52, id="ob9"), **changes}
    extraction = run(fhir.procedure("pvp", sites=["L1"]), cement)
    check(extraction)
    if "valueQuantity" not in changes:
        found = extraction.vertebrae[0].cement_ratio_percent
        assert not isinstance(found, Measurement) or found.value == 52


@RELAXED
@given(
    value=st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
    unit=st.sampled_from(["deg", "rad", "%", "1", "{ratio}", "'", "mm", ""]),
)
def test_number_comes_through_the_unit_only(value, unit, fhir, run):
    """The result is the value times the factor of its unit, or none."""
    cement = fhir.cement({"value": value, "unit": unit})
    found = (
        run(fhir.procedure("pvp", sites=["L1"]), cement)
        .vertebrae[0]
        .cement_ratio_percent
    )
    factor = {"%": 1, "1": 100, "{ratio}": 100}.get(unit)
    if isinstance(found, Measurement):
        assert found.value == value * factor
    elif factor is not None:
        assert not 0 <= float(value) * factor <= 100


@RELAXED
@given(name=st.text(min_size=1, max_size=30))
def test_faults_repeat_no_text_of_the_record(name, fhir, run):
    """Names of patients do not get into the list of refused resources."""
    marked = f"Jane{name}Doe"
    bad = fhir.cement(52, bodySite={marked: marked, "coding": [{"display": marked}]})
    bad["valueQuantity"][marked] = marked
    faults = json.dumps(run(fhir.procedure("pvp", sites=["L1"]), bad).rejected)
    assert "Jane" not in faults
