"""The tables of a validation report: each figure in words, beside the paper's own."""

import math
from typing import Final, TypeAlias

from service.model.published import PERFORMANCES
from service.validation.estimates import Estimate, p_words
from service.validation.performance import Performance
from service.validation.subgroups import Subgroup
from service.validation.utility import UsefulRange, useful_range

__all__ = ["figure_rows", "predictor_rows", "required_rows", "subgroup_rows"]

_Row: TypeAlias = tuple[str, str, str, str]

_NONE: Final = "–"
_HIDDEN: Final = "hidden: fewer than 10 with or without"


def figure_rows(found: Performance) -> list[_Row]:
    """
    Give each figure.

    Parameters
    ----------
    found : Performance
        What was found.

    Returns
    -------
    list of (str, str, str, str)
        Its name, here, in the paper (derivation; validation), and what it means. Of
        patients who were sampled by outcome only what holds for a population, too.
    """
    if found.decision.is_population:
        return [*_ranking(found), _slope(found), _usefulness(found)]
    return [
        *_ranking(found),
        *_level(found),
        _slope(found),
        *_curve(found),
        *_accuracy(found),
        _usefulness(found),
        _hosmer_lemeshow(found),
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
        Predictor, its area, p against the model.
    """
    return [
        (
            each.name.replace("_", " "),
            f"{each.against_model.first:.3f}",
            _against(each.against_model.p_value),
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
        Grouping, group, cases, area, observed over expected. Of a hidden group no
        number; of patients who were sampled by outcome no ratio.
    """
    rows: list[tuple[str, ...]] = [
        (*_names(each), _HIDDEN, "", "")
        if each.is_hidden
        else (
            *_names(each),
            f"{each.events} of {each.n}",
            each.auc.words(3),
            each.observed_expected.words(2),
        )
        for each in found.subgroups
    ]
    return [row[:-1] for row in rows] if found.decision.is_population else rows


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


def _ranking(found: Performance) -> list[_Row]:
    paper = _both(*(Estimate(*each.auc).words(3) for each in PERFORMANCES))
    rows = [("AUC", found.auc.auc.words(3), paper, "0.5 is chance, 1 is perfect")]
    if found.auc_resampled is not None:
        rows.append(
            (
                "AUC, interval by bootstrap",
                found.auc_resampled.auc.words(3),
                _NONE,
                "beside DeLong's, since there are fewer than 50 cases",
            )
        )
    return rows


def _level(found: Performance) -> list[_Row]:
    return [
        (
            "Calibration in the large",
            found.intercept_in_the_large.words(2),
            _NONE,
            "0 is ideal; above 0 the risks are too low",
        ),
        (
            "Observed over expected",
            found.observed_expected.words(2),
            _NONE,
            "1 is ideal; above 1 the risks are too low",
        ),
    ]


def _slope(found: Performance) -> _Row:
    return (
        "Calibration slope",
        found.line.slope.words(2),
        _NONE,
        "1 is ideal; below 1 the risks are too extreme",
    )


def _curve(found: Performance) -> list[_Row]:
    rows = (
        ("ICI", found.curve.ici.words(3), "mean distance from the curve"),
        ("E50", found.curve.e50.words(3), "median distance"),
        ("E90", found.curve.e90.words(3), "distance that 90 % stay below"),
        ("Emax", found.curve.emax.words(3), "largest distance"),
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


def _accuracy(found: Performance) -> list[_Row]:
    return [
        ("Brier score", found.brier.score.words(3), _NONE, "0 is perfect"),
        (
            "Scaled Brier score",
            found.brier.scaled.words(3),
            _NONE,
            "0: no better than the incidence; 1: perfect",
        ),
    ]


def _usefulness(found: Performance) -> _Row:
    return (
        "Better than treating all or none",
        _range(useful_range(found.decision)),
        _both(*(_per_cent(each.useful) for each in PERFORMANCES)),
        "the longest run of thresholds where the decision curve says so; surely and"
        " possibly: by the lower and upper 95 % limits of each threshold",
    )


def _hosmer_lemeshow(found: Performance) -> _Row:
    test = found.hosmer_lemeshow
    return (
        "Hosmer-Lemeshow test, p, for comparison only",
        _NONE if test is None else p_words(test.p_value),
        _both(*(f"{each.hosmer_lemeshow_p:.2f}" for each in PERFORMANCES)),
        "says nothing of size or direction; no verdict rests on it",
    )


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


def _names(group: Subgroup) -> tuple[str, str]:
    return group.grouping.replace("_", " "), group.label.replace("_", " ")


def _against(p: float) -> str:
    return "the same" if math.isnan(p) else p_words(p)
