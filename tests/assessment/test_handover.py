"""The paragraph for the discharge summary: short, plain, never a bare number."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from service.assessment import OutputMode
from service.fhir.findings import Flag, Operation, Reason
from service.handover import Handover
from service.languages import languages
from service.model.artifact import load_bundled
from service.policy import default_policy
from service.wording import Wording

POLICY = default_policy()


@pytest.fixture
def write(build):
    """Write the paragraph for made-up vertebrae."""

    def write(*vertebrae, language="en", mode=OutputMode.ANCHORED, **extraction):
        model = load_bundled("liu-nomogram")
        handover = Handover(Wording(language), model, POLICY.follow_up)
        return handover.write(build.assessed(*vertebrae, mode=mode, **extraction))

    return write


def test_it_says_what_was_done_how_often_what_to_look_for_and_when(build, write):
    """All that somebody needs who never saw the card."""
    text = write(build.vertebra())
    parts = [
        "Operation of the spine on 2026-03-02: L2, percutaneous vertebroplasty (PVP).",
        "about 45 of 100 patients",
        "not checked on local data",
        "first rule out new or adjacent fracture, infection, cement leak",
        "posterior iliac crest, about 7 cm from the midline",
        "4 to 6 weeks after surgery",
        "red-flag back pain at once",
        "no external validation",
    ]
    positions = [text.find(part) for part in parts]
    assert -1 not in positions, parts[positions.index(-1)]
    assert positions == sorted(positions)


@pytest.mark.parametrize("language", languages())
def test_it_is_a_heading_and_one_plain_paragraph(build, write, language):
    """Copied into a summary it needs no cleaning, and it is short."""
    heading, empty, text = write(build.vertebra(), language=language).split("\n")
    assert heading.startswith("### ")
    assert empty == ""
    assert not any(mark in text for mark in "*|#_`\\")
    assert len(text) < 1000


def test_without_a_probability_there_is_no_number(build, write):
    """In relative mode no frequency leaves the hospital, and no "no risk" either."""
    text = write(build.vertebra(), mode=OutputMode.RELATIVE)
    assert "of 100" not in text
    assert "does not mean no risk" in text


@pytest.mark.parametrize(
    "gap", [Reason.NOT_RECORDED, Reason.CONFLICT, Reason.NOT_APPLICABLE], ids=str
)
def test_with_a_gap_there_is_no_number(build, write, gap):
    """A missing value is not guessed for the summary."""
    text = write(build.vertebra(cement_ratio_percent=build.missing(gap)))
    assert "of 100" not in text
    assert "does not mean no risk" in text


def test_a_low_number_beside_a_gap_is_not_given(build, write):
    """It would sound as if the other vertebra were safe, too."""
    low = build.vertebra(
        level="T12",
        segment=build.measured("thoracic"),
        method=build.measured("pkp"),
        cement_ratio_percent=build.measured(58.0, "%"),
    )
    gap = build.vertebra(level="L4", cement_ratio_percent=build.missing())
    assert "of 100" not in write(low, gap)


def test_a_number_of_synthetic_patients_is_not_given(build):
    """What says nothing of the patient does not leave the hospital."""
    made_up = SimpleNamespace(calibration=SimpleNamespace(is_synthetic=True))
    handover = Handover(Wording("en"), made_up, POLICY.follow_up)
    assert "of 100" not in handover.write(build.assessed(build.vertebra()))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"level": "L3"}, "highest of several vertebrae"),
        ({"cement": 9.0}, "beyond the range studied"),
        ({"flags": frozenset({Flag.METHOD_INFERRED})}, "findings are doubtful"),
    ],
    ids=["several", "extrapolated", "doubtful"],
)
def test_what_speaks_against_the_number_goes_with_it(build, write, changes, words):
    """Nobody reads the card's notes beside the summary."""
    vertebrae = [build.vertebra()]
    if "level" in changes:
        vertebrae.append(build.vertebra(**changes))
    elif "cement" in changes:
        cement = build.measured(changes["cement"], "%")
        vertebrae = [build.vertebra(cement_ratio_percent=cement)]
    else:
        vertebrae = [build.vertebra(**changes)]
    assert words in write(*vertebrae)
    assert words not in write(build.vertebra())


def test_what_is_not_known_of_the_operation_is_left_out(build, write):
    """No level, no method, no day: none is made up."""
    text = write(
        build.vertebra(
            level=None,
            segment=build.missing(),
            method=build.missing(Reason.CONFLICT),
            operation=Operation(None, None, None, ("Procedure/p1",)),
        )
    )
    assert "Operation of the spine: Vertebra without a recorded level." in text


def test_a_segment_stands_in_for_a_level(build, write):
    """As recorded."""
    assert "lumbar, percutaneous" in write(build.vertebra(level=None))


def test_operations_of_two_days_give_no_day(build, write):
    """The table of the card tells which was when."""
    vertebra = build.vertebra()
    later = replace(vertebra.operation, day=vertebra.operation.day.replace(day=4))
    text = write(vertebra, build.vertebra(level="L3", operation=later))
    assert "Operation of the spine: L2, " in text


def test_who_was_not_assessed_gets_none(build):
    """Nothing is said of patients unlike those of the study."""
    handover = Handover(Wording("en"), load_bundled("liu-nomogram"), POLICY.follow_up)
    assert handover.write(build.assessed(not_assessed=Reason.UNDER_AGE)) == ""


def test_it_is_the_last_section_of_the_card(build):
    """After the limits; a child's card has none."""
    composer = build.composer()
    (card,) = composer.compose(build.assessed(build.vertebra()), build.subject)
    *_, limits, heading, text = card.detail.strip().split("\n\n")
    assert limits.startswith("**Limits:**")
    assert heading.startswith("### For the discharge summary")
    assert text.endswith("clinical judgement.")
    child = build.assessed(not_assessed=Reason.UNDER_AGE)
    assert "discharge summary" not in composer.compose(child, build.subject)[0].detail
