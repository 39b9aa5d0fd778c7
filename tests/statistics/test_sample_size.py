"""Required numbers of patients against published ones."""

from typing import Any

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss

from service.validation.binormal import cox_snell, odds_factor
from service.validation.sample_size import (
    Widths,
    _for_auc,
    _for_net_benefit,
    _for_ratio,
    _for_slope,
    expected_shrinkage,
    for_development,
    for_external_validation,
    verdict,
)

#: The area under the curve that the study reports for its derivation half.
AUC = 0.795


@pytest.mark.parametrize(
    ("incidence", "narrow", "wide"),
    [
        (0.05, (7323, 7341, 1617), (1192, 1835)),
        (0.083, (4258, 4950, 1010), (693, 1237)),
        (0.20, (1542, 2737, 481), (251, 684)),
        (0.27, (1042, 2335, 391), (170, 584)),
        (0.50, (385, 1957, 308), (63, 489)),
    ],
)
def test_external_validation_needs_what_a_simulation_found(
    incidence: float, narrow: tuple[int, ...], wide: tuple[int, ...]
) -> None:
    """
    A simulation of a million draws gave these n for intervals 0.2 and 0.1 wide.

    Closed forms within 1 patient; the slope within 0.3 %, its error in the simulation.
    """
    ratio, slope, auc = (e.n for e in for_external_validation(incidence, AUC))
    assert (ratio, auc) == (
        pytest.approx(narrow[0], abs=1),
        pytest.approx(narrow[2], abs=1),
    )
    assert slope == pytest.approx(narrow[1], rel=0.003)
    loose = Widths(observed_expected=0.5, slope=0.4)
    ratio, slope, _ = (
        e.n for e in for_external_validation(incidence, AUC, widths=loose)
    )
    assert ratio == pytest.approx(wide[0], abs=1)
    assert slope == pytest.approx(wide[1], rel=0.003)


def test_events_go_with_the_incidence() -> None:
    """At 8.3 % an O:E interval 0.2 wide takes 353 events."""
    assert for_external_validation(0.083, AUC)[0].events == 353


@pytest.mark.parametrize(
    ("parameters", "published"),
    [
        (19, [0.18, 0.30, 0.59, 0.68, 0.71, 0.73]),
        (4, [0.83, 0.85, 0.91, 0.93, 0.94, 0.94]),
    ],
)
def test_shrinkage_of_the_study_is_what_a_simulation_found(
    parameters: int, published: list[float]
) -> None:
    """238 patients at 8.3, 10, 20, 30, 40 and 50 % events, to 0.007."""
    incidences = (0.083, 0.10, 0.20, 0.30, 0.40, 0.50)
    found = [expected_shrinkage(238, parameters, cox_snell(i, AUC)) for i in incidences]
    assert found == pytest.approx(published, abs=0.007)


@pytest.mark.parametrize(
    ("n", "incidence", "factor"),
    [
        (100, 0.083, 2.14),
        (200, 0.083, 1.71),
        (340, 0.083, 1.51),
        (500, 0.083, 1.41),
        (1000, 0.083, 1.27),
        (100, 0.2, 1.73),
        (200, 0.2, 1.48),
        (500, 0.2, 1.28),
    ],
)
def test_odds_stay_uncertain_by_a_factor(
    n: int, incidence: float, factor: float
) -> None:
    """What an intercept-only update leaves open, to the second decimal place."""
    assert odds_factor(n, incidence, AUC) == pytest.approx(factor, abs=0.0051)


@pytest.mark.parametrize(
    ("r_squared", "parameters", "incidence", "sizes"),
    [
        # The examples and test values of the authors' R package pmsampsize.
        (0.288, 24, 0.174, [623, 662, 221]),
        (0.288, 36, 0.174, [934, 992, 221]),
        (0.288, 24, 0.250, [623, 590, 289]),
    ],
)
def test_development_needs_what_riley_published(
    r_squared: float, parameters: int, incidence: float, sizes: list[int]
) -> None:
    """The three criteria, exactly."""
    found = for_development(incidence, parameters, r_squared)
    assert [each.n for each in found] == sizes


def test_external_criteria_are_those_of_riley() -> None:
    """
    Riley et al. 2021, section 4 and the authors' code.

    Mechanical heart valves, 1.8 % events, area 0.80: 905 for an O:E interval 1 wide,
    4252 for the area; 3554 by the authors' formula for net benefit at 8 %, standard
    error 0.051, sensitivity 0.2, specificity 0.99.
    """
    assert _for_ratio(0.018, 1) == pytest.approx(905, abs=1)
    assert _for_auc(0.018, 0.8, 0.1) == pytest.approx(4252, abs=1)
    width = 2 * 1.959964 * 0.051
    assert _for_net_benefit(0.018, (0.2, 0.99), 0.08, width) == pytest.approx(
        3554, abs=1
    )


def test_slope_of_a_normal_predictor_is_that_of_pmvalsampsize() -> None:
    """Mean -5, deviation 2.5: 4501 with its 1000 draws, whose error is some 10 %."""
    nodes, weights = hermegauss(120)
    found = _for_slope(-5 + 2.5 * nodes, weights / weights.sum(), 0.2)
    assert found == pytest.approx(4501, rel=0.1)


def test_slope_from_an_area_is_that_of_pmvalsampsize() -> None:
    """1.8 % and 0.80: 16175 with its 10000 draws, whose error is some 10 %."""
    assert for_external_validation(0.018, 0.8)[1].n == pytest.approx(16175, rel=0.1)


def test_binormal_predictor_is_calibrated() -> None:
    """Drawn at random, it has the incidence and the R-squared that it should have."""
    rng = np.random.default_rng(1)
    incidence, auc, n = 0.2, 0.795, 400_000
    apart = 2 * 0.82389**2  # squared separation of an area of 0.795
    event = rng.random(n) < incidence
    score = np.log(0.25) + (event - 0.5) * apart + np.sqrt(apart) * rng.normal(size=n)
    risk = 1 / (1 + np.exp(-score))
    gain = np.mean(np.where(event, np.log(risk), np.log1p(-risk)))
    alone = 0.2 * np.log(0.2) + 0.8 * np.log(0.8)
    assert risk.mean() == pytest.approx(incidence, abs=0.002)
    expected = 1 - np.exp(2 * (alone - gain))
    assert cox_snell(incidence, auc) == pytest.approx(expected, abs=0.003)


def test_net_benefit_is_a_criterion_with_a_threshold() -> None:
    """Without a threshold nobody is treated and nothing is asked."""
    names = [e.criterion for e in for_external_validation(0.2, AUC, threshold=0.15)]
    assert names[-1] == "net benefit"
    assert len(for_external_validation(0.2, AUC)) == 3


def test_more_precision_takes_more_patients() -> None:
    """Half the width takes about four times as many."""
    half = Widths(slope=0.1)
    first, second = (
        for_external_validation(0.2, AUC, widths=each)[1].n for each in (None, half)
    )
    assert second == pytest.approx(4 * first, rel=0.001)


@pytest.mark.parametrize(
    ("n", "events", "words"),
    [
        (2737, 547, "enough"),
        (340, 68, "not enough: 2397 more patients, 479 of them with the event"),
        (2700, 400, "not enough: 147 more events"),
        (3000, 500, "not enough: 47 more events"),
        (2700, 600, "not enough: 37 more patients"),
    ],
)
def test_verdict_says_how_many_are_missing(n: int, events: int, words: str) -> None:
    """In words, for the hardest criterion."""
    found = verdict(for_external_validation(0.2, AUC), n, events)
    assert (found.words, found.is_enough) == (words, words == "enough")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"incidence": 0.0}, "incidence: must be above 0 and below 1"),
        ({"auc": 0.5}, r"auc: must be above 0\.5"),
        ({"auc": 1.0}, r"auc: must be above 0\.5"),
        ({"threshold": 1.0}, "threshold: must be above 0"),
        ({"widths": Widths(slope=0)}, r"widths\.slope: must be above 0"),
        ({"incidence": float("nan")}, "incidence: must be above 0"),
    ],
)
def test_impossible_validations_are_refused(
    arguments: dict[str, Any], message: str
) -> None:
    """The message names the argument."""
    with pytest.raises(ValueError, match=message):
        for_external_validation(**{"incidence": 0.2, "auc": AUC, **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"parameters": 0}, "parameters: must be at least 1"),
        ({"r_squared": 0.7}, r"r_squared: must be above 0 and below 0\.632"),
        ({"r_squared": 0.0}, "r_squared: must be above 0"),
        ({"shrinkage": 1.0}, "shrinkage: must be above 0 and below 1"),
        ({"incidence": 1.0}, "incidence: must be above 0 and below 1"),
    ],
)
def test_impossible_developments_are_refused(
    arguments: dict[str, Any], message: str
) -> None:
    """No model explains more than everything."""
    usual = {"incidence": 0.2, "parameters": 4, "r_squared": 0.1}
    with pytest.raises(ValueError, match=message):
        for_development(**{**usual, **arguments})


def test_no_patients_have_no_precision() -> None:
    """And no criterion has no verdict."""
    with pytest.raises(ValueError, match="n: must be at least 1"):
        odds_factor(0, 0.2, AUC)
    with pytest.raises(ValueError, match="n: must be at least 1"):
        expected_shrinkage(0, 4, 0.1)
    with pytest.raises(ValueError, match="required: is empty"):
        verdict([], 340, 41)
