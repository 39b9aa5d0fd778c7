"""The tables of a validation report: each figure in words, beside the paper's own."""

import math
from typing import Final

from service.model.published import PERFORMANCES
from service.validation.estimates import Estimate
from service.validation.goodness_of_fit import FitTest
from service.validation.performance import Performance
from service.validation.utility import UsefulRange, useful_range

__all__ = ["figure_rows", "predictor_rows", "required_rows", "subgroup_rows"]

_NONE: Final = "–"
_HIDDEN: Final = "hidden: fewer than 10 with or without"
_LEAST_P: Final = 0.001


def figure_rows(found: Performance) -> list[tuple[str, str, str, str]]:
    """
    Give each figure.

    Parameters
    ----------
    found : Performance
        What was found.

    Returns
    -------
    list of (str, str, str, str)
        Its name, here, in the paper (derivation; validation), and what it means.
    """
    return [
        *_ranking(found),
        *_calibration(found),
        *_accuracy(found),
        *_usefulness(found),
    ]


def predictor_rows(found: Performance) -> list[tuple[str, str, str]]:
    """
    Compare each predictor alone with the model.

    Parameters
    ----------
    found : Performance
        What was found.

    Returns
    -------
    list of (str, str, str)
        Predictor, its area, p value against the model.
    """
    return [
        (
            each.name.replace("_", " "),
            f"{each.against_model.first:.3f}",
            _p_value(each.against_model.p_value),
        )
        for each in found.predictors
    ]


def subgroup_rows(found: Performance) -> list[tuple[str, ...]]:
    """
    Show each subgroup.

    Parameters
    ----------
    found : Performance
        What was found.

    Returns
    -------
    list of tuple of str
        Grouping, group, cases, observed over expected, area. Of a hidden group no
        number.
    """
    return [
        (each.grouping, each.label, _HIDDEN, "", "")
        if each.is_hidden
        else (
            each.grouping,
            each.label,
            f"{each.events} of {each.n}",
            _told(each.observed_expected, 2),
            _told(each.auc, 3),
        )
        for each in found.subgroups
    ]


def required_rows(found: Performance) -> list[tuple[str, int, int]]:
    """
    Say how many patients each criterion takes.

    Parameters
    ----------
    found : Performance
        What was found.

    Returns
    -------
    list of (str, int, int)
        Criterion, patients, cases; none where it cannot be computed.
    """
    return [(each.criterion, each.n, each.events) for each in found.required]


def _ranking(found: Performance) -> list[tuple[str, str, str, str]]:
    paper = _both(
        *(
            f"{area:.3f} ({low:.3f} to {high:.3f})"
            for area, low, high in (each.auc for each in PERFORMANCES)
        )
    )
    rows = [("AUC", _told(found.auc.auc, 3), paper, "0.5 is chance, 1 is perfect")]
    if found.auc_resampled is not None:
        rows.append(
            (
                "AUC, interval by bootstrap",
                _told(found.auc_resampled.auc, 3),
                _NONE,
                "beside DeLong's, since there are fewer than 50 cases",
            )
        )
    return rows


def _calibration(found: Performance) -> list[tuple[str, str, str, str]]:
    rows = (
        (
            "Calibration in the large",
            _told(found.intercept_in_the_large, 2),
            "0 is ideal; above 0 the risks are too low",
        ),
        ("Observed over expected", _told(found.observed_expected, 2), "1 is ideal"),
        (
            "Calibration slope",
            _told(found.line.slope, 2),
            "1 is ideal; below 1 the risks are too extreme",
        ),
        ("ICI", _told(found.curve.ici, 3), "mean distance from the curve"),
        ("E50", _told(found.curve.e50, 3), "median distance"),
        ("E90", _told(found.curve.e90, 3), "distance that 90 % stay below"),
        ("Emax", _told(found.curve.emax, 3), "largest distance"),
    )
    again = found.recalibrated
    return [
        *((name, here, _NONE, meaning) for name, here, meaning in rows),
        (
            "Mean absolute error after recalibration here, bias-corrected",
            _NONE if again is None else f"{again.errors.ici:.3f}",
            _both(*(f"{each.mean_absolute_error:.3f}" for each in PERFORMANCES)),
            "of a model fitted to the same patients, as the paper's is",
        ),
    ]


def _accuracy(found: Performance) -> list[tuple[str, str, str, str]]:
    return [
        ("Brier score", _told(found.brier.score, 3), _NONE, "0 is perfect"),
        (
            "Scaled Brier score",
            _told(found.brier.scaled, 3),
            _NONE,
            "0: no better than the incidence; 1: perfect",
        ),
    ]


def _usefulness(found: Performance) -> list[tuple[str, str, str, str]]:
    useful = useful_range(found.decision)
    return [
        (
            "Better than treating all or none",
            _range(useful),
            _both(*(_per_cent(each.useful) for each in PERFORMANCES)),
            "thresholds of the decision curve; surely and possibly by the 95 % limits"
            " of each threshold",
        ),
        (
            "Hosmer-Lemeshow test, for comparison only",
            _test(found.hosmer_lemeshow),
            _both(*(f"p = {each.hosmer_lemeshow_p:.2f}" for each in PERFORMANCES)),
            "says nothing of size or direction; no verdict rests on it",
        ),
    ]


def _both(derivation: str, validation: str) -> str:
    return f"{derivation}; {validation}"


def _range(useful: UsefulRange) -> str:
    if useful.found is None:
        return _NONE
    surely, possibly = (
        _NONE if each is None else _per_cent(each)
        for each in (useful.surely, useful.possibly)
    )
    return f"{_per_cent(useful.found)} (surely {surely}; possibly {possibly})"


def _per_cent(ends: tuple[float, float]) -> str:
    low, high = ends
    return f"{100 * low:.3g} to {100 * high:.3g} %"


def _told(found: Estimate, digits: int) -> str:
    if not found.is_known:
        return f"none: {found.note}"
    text = f"{found.value:.{digits}f}"
    if math.isnan(found.low):
        return f"{text} ({found.note or 'no interval'})"
    return f"{text} ({found.low:.{digits}f} to {found.high:.{digits}f})"


def _test(found: FitTest | None) -> str:
    if found is None or math.isnan(found.p_value):
        return _NONE
    return _p_value(found.p_value)


def _p_value(value: float) -> str:
    if math.isnan(value):
        return "the same"
    return f"p < {_LEAST_P}" if value < _LEAST_P else f"p = {value:.3f}"
