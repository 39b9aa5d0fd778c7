"""The derivation of a model as numbers, and the same numbers as a text to read."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from service.model.derivation import MODELS, SHRINKAGE, Derivation
from service.model.published import (
    AUC,
    INCIDENCES,
    LUMBAR_AMONG_CASES,
    MOMENTS,
)
from service.model.sensitivity import (
    CORRELATION,
    Finding,
    centring,
    codings,
    convergence,
    dependences,
)

__all__ = ["report", "text"]

#: The shipped policy's upper threshold, for the shares that are reported.
_HIGH = 0.25
_NODES = ((125, 250, 500), (20, 40, 60))


def report(derivation: Derivation) -> dict[str, Any]:
    """
    Collect everything the derivation of a model rests on.

    Parameters
    ----------
    derivation : Derivation
        The derivation.

    Returns
    -------
    dict
        JSON-ready numbers, each beside the published one where there is one.
    """
    five = derivation.cohort.names != MODELS["liu-nomogram"]
    high = derivation.fit.risk >= _HIGH
    lumbar = derivation.cohort.design[:, 0] == 1
    scale = np.sqrt(np.diag(derivation.covariance))
    centred, uncentred = centring(derivation)
    return {
        "model": derivation.model_id,
        "cohort": _cohort(derivation),
        "intercepts": [
            {"events": e, "n": n, "intercept": value}
            for (e, n), value in zip(INCIDENCES, derivation.intercepts, strict=True)
        ],
        "shrinkage": {
            "factor": SHRINKAGE,
            "intercept": derivation.shrunk_intercept,
        },
        "nodes": [
            {"nodes": k, "intercept": value}
            for k, value in convergence(derivation, _NODES[five])
        ],
        "dependence": [] if five else _findings(dependences(derivation)),
        "method_coding": _findings(codings(derivation)),
        "auc": {"rebuilt": derivation.fit.concordance, "published": list(AUC)},
        "lumbar_among_cases": {
            "rebuilt": derivation.case_share(lumbar),
            "published": LUMBAR_AMONG_CASES,
        },
        "risk_from_25_percent": {
            "patients": float(derivation.cohort.weight[high].sum()),
            "cases": derivation.case_share(high),
        },
        "standard_errors": _errors(derivation),
        "standard_error_at_mean": {"centred": centred, "uncentred": uncentred},
        "covariance": derivation.covariance.tolist(),
        "correlation": (derivation.covariance / np.outer(scale, scale)).tolist(),
    }


def text(numbers: Mapping[str, Any]) -> str:
    """
    Write the report of one model for a reader.

    Parameters
    ----------
    numbers : Mapping
        What `report` gives.

    Returns
    -------
    str
        Lines of at most 80 characters.
    """
    names = [row["name"] for row in numbers["cohort"]]
    parts = [
        _heading(numbers["model"]),
        _cohort_text(numbers["cohort"]),
        _intercept_text(numbers),
        _dependence_text(numbers["dependence"]),
        _coding_text(numbers),
        _check_text(numbers),
        _error_text(numbers["standard_errors"]),
        _matrix_text(names, numbers),
    ]
    return "\n".join(line for part in parts for line in part)


def _cohort(derivation: Derivation) -> list[dict[str, Any]]:
    means, sds = derivation.cohort.mean(), derivation.cohort.sd()
    return [
        {
            "name": name,
            "coefficient": slope,
            "mean": mean,
            "sd": sd,
            "published_mean": MOMENTS[name][0] if name in MOMENTS else None,
            "published_sd": MOMENTS[name][1] if name in MOMENTS else None,
        }
        for name, slope, mean, sd in zip(
            derivation.cohort.names,
            derivation.coefficients.tolist(),
            means.tolist(),
            sds.tolist(),
            strict=True,
        )
    ]


def _findings(found: Iterable[Finding]) -> list[dict[str, Any]]:
    return [
        {
            "assumption": item.assumption,
            "intercept": item.intercept,
            "auc": item.concordance,
            "standard_error_method": item.method_error,
        }
        for item in found
    ]


def _errors(derivation: Derivation) -> list[dict[str, Any]]:
    rebuilt = derivation.fit.standard_errors[1:].tolist()
    published = derivation.published_errors.tolist()
    return [
        {"name": name, "rebuilt": ours, "published": theirs}
        for name, ours, theirs in zip(
            derivation.cohort.names, rebuilt, published, strict=True
        )
    ]


def _heading(model_id: str) -> list[str]:
    title = f"How {model_id} came to be"
    return [title, "=" * len(title), ""]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Align a first column of words and further columns of numbers."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return [
        (
            "  "
            + line[0].ljust(widths[0])
            + "".join(
                "  " + c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True)
            )
        ).rstrip()
        for line in lines
    ] + [""]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _cohort_text(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        "1. The derivation cohort, rebuilt from Table 1 (independent predictors)",
        "",
        *_table(
            ("predictor", "beta", "mean", "published", "SD", "published"),
            (
                (
                    row["name"],
                    _number(row["coefficient"], 3),
                    _number(row["mean"], 2),
                    _number(row["published_mean"], 2),
                    _number(row["sd"], 2),
                    _number(row["published_sd"], 2),
                )
                for row in rows
            ),
        ),
    ]


def _intercept_text(numbers: Mapping[str, Any]) -> list[str]:
    rows = [
        (f"mean risk = {row['events']}/{row['n']}", _number(row["intercept"], 3))
        for row in numbers["intercepts"]
    ]
    shrunk = numbers["shrinkage"]
    rows.append(
        (
            f"mean risk = 41/237, slopes times {shrunk['factor']}",
            _number(shrunk["intercept"], 3),
        )
    )
    rows += [
        (f"mean risk = 41/237, {row['nodes']} nodes", _number(row["intercept"], 3))
        for row in numbers["nodes"]
    ]
    return [
        "2. The intercept: not published; the one that gives the cohort this mean risk",
        "   41/237 derivation cohort; 60/340 both cohorts; 70/340 the text's overall",
        "",
        *_table(("condition", "intercept"), rows),
    ]


def _dependence_text(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    if not rows:
        return ["3. Dependence between predictors: see liu-nomogram", ""]
    values = [row["intercept"] for row in rows]
    return [
        f"3. If predictors depend on each other (correlations of {CORRELATION})",
        f"   the intercept lies between {min(values):.2f} and {max(values):.2f}",
        "",
        *_table(
            ("dependence", "intercept", "AUC"),
            (
                (r["assumption"], _number(r["intercept"], 3), _number(r["auc"], 3))
                for r in rows
            ),
        ),
    ]


def _coding_text(numbers: Mapping[str, Any]) -> list[str]:
    published = next(
        row["published"]
        for row in numbers["standard_errors"]
        if row["name"] == "method"
    )
    return [
        "4. How the method was coded: not stated; its published standard error tells",
        "",
        *_table(
            ("coding", "SE of method", "published"),
            (
                (
                    row["assumption"],
                    _number(row["standard_error_method"], 3),
                    _number(published, 3),
                )
                for row in numbers["method_coding"]
            ),
        ),
    ]


def _check_text(numbers: Mapping[str, Any]) -> list[str]:
    auc, lumbar = numbers["auc"], numbers["lumbar_among_cases"]
    value, low, high = auc["published"]
    share = numbers["risk_from_25_percent"]
    return [
        "5. Is the rebuilt cohort a fair picture?",
        "",
        *_table(
            ("check", "rebuilt", "published"),
            (
                ("AUC", _number(auc["rebuilt"], 3), f"{value} ({low} to {high})"),
                (
                    "share of cases with a lumbar fracture",
                    _number(lumbar["rebuilt"], 2),
                    _number(lumbar["published"], 2),
                ),
                (
                    "patients with a risk of 25 % or more",
                    _number(share["patients"], 2),
                    "-",
                ),
                ("cases among them", _number(share["cases"], 2), "-"),
            ),
        ),
    ]


def _error_text(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        "6. Standard errors of the slopes: Fisher information at n = 237 against",
        "   Table 2's intervals",
        "",
        *_table(
            ("predictor", "rebuilt", "published"),
            (
                (r["name"], _number(r["rebuilt"], 4), _number(r["published"], 4))
                for r in rows
            ),
        ),
    ]


def _matrix_text(names: Sequence[str], numbers: Mapping[str, Any]) -> list[str]:
    errors = numbers["standard_error_at_mean"]
    terms = [f"({i})" for i in range(len(names) + 1)]
    return [
        "7. Covariance D R D of the centred intercept and the slopes: R rebuilt,",
        "   D published. Approximate: the paper does not publish the covariance",
        "",
        *(
            f"   {term} {name}"
            for term, name in zip(terms, ("centred intercept", *names), strict=True)
        ),
        "",
        *_table(("", *terms), _triangle(terms, numbers["covariance"], "{:.1e}")),
        "   Correlations R",
        "",
        *_table(("", *terms), _triangle(terms, numbers["correlation"], "{:.2f}")),
        f"   Standard error at the cohort's means: {errors['centred']:.3f};"
        f" uncentred it would be {errors['uncentred']:.3f}",
        "",
    ]


def _triangle(
    terms: Sequence[str], matrix: Sequence[Sequence[float]], style: str
) -> list[tuple[str, ...]]:
    """Show the lower triangle: a symmetric matrix needs no more."""
    return [
        (term, *(style.format(x) if j <= i else "" for j, x in enumerate(matrix[i])))
        for i, term in enumerate(terms)
    ]
