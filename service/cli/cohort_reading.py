"""What ``scnen-cds cohort readers`` does; apart, since this needs the statistics."""

from pathlib import Path
from typing import Final

import orjson

from service.cli.analysis import refusing
from service.cli.layout import columns, printable
from service.cohort.patients import PatientCohort
from service.cohort.table import read_cohort
from service.model.artifact import find_model, load_model
from service.model.risk_model import RiskModel
from service.policy import default_policy, load_policy
from service.validation.two_readers import Reading, TwoReaders, compare_readers

__all__ = ["run"]

_HEADS: Final = (
    "quantity",
    "pairs",
    "ICC, agreement",
    "ICC, consistency",
    "bias",
    "limits of agreement",
    "SD of a reading",
)
_EXPLAINED: Final = (
    "Second less first. ICC of single readings: ICC(2,1), where a constant difference"
    " counts, and ICC(3,1)."
)


def run(
    first: Path,
    second: Path,
    *,
    model_name: str,
    signed_angles: bool,
    policy: Path | None,
    is_json: bool,
) -> str:
    """
    Compare two readers.

    Parameters
    ----------
    first, second : pathlib.Path
        Their tables.
    model_name : str
        Bundled model or path of an artifact.
    signed_angles : bool
        Whether the tables record angles with signs.
    policy : pathlib.Path or None
        Whose bands are looked at; None for the bundled policy.
    is_json : bool
        As JSON, not for eyes.

    Returns
    -------
    str
        What was found.

    Raises
    ------
    ClickException
        If something was refused.
    """
    with refusing():
        # No probability is shown to anybody: one whose day has passed will do.
        model = load_model(find_model(model_name), may_be_expired=True)
        bands = (default_policy() if policy is None else load_policy(policy)).bands
        tables = [
            read_cohort(file, signed_angles=signed_angles) for file in (first, second)
        ]
        found = compare_readers(model, *tables, cuts=(bands.above_average, bands.high))
    if is_json:
        return _json(model, tables, found)
    return "\n".join(_told(model, tables, found))


def _json(model: RiskModel, tables: list[PatientCohort], found: TwoReaders) -> str:
    content = {
        "model": {"id": model.id, "version": model.version, "digest": model.digest},
        "tables": [
            {
                "source": table.source.name,
                "sha256": table.source.digest,
                "is_synthetic": table.source.is_synthetic,
                "rows_refused": _refused(table),
            }
            for table in tables
        ],
        "readers": found,
    }
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY
    return orjson.dumps(content, option=options).decode()


def _refused(table: PatientCohort) -> int:
    return len({each.row for each in table.refused})


def _told(
    model: RiskModel, tables: list[PatientCohort], found: TwoReaders
) -> list[str]:
    is_synthetic = any(table.source.is_synthetic for table in tables)
    refused = [_refused(table) for table in tables]
    lines = ["SYNTHETIC patients: for demonstration only"] * is_synthetic
    lines.append(
        f"{found.both} patients of both readers; {found.first_alone} of the first"
        f" alone, {found.second_alone} of the second alone"
    )
    if any(refused):
        lines.append(
            f"rows refused: {refused[0]} and {refused[1]}; scnen-cds cohort check says"
            " why"
        )
    lines += [printable(text) for table in tables for text in table.warnings]
    rows = [_HEADS, *map(_row, found.readings)]
    return [*lines, "", columns(rows, right=[1]), _EXPLAINED, "", *_risk(model, found)]


def _row(found: Reading) -> tuple[object, ...]:
    differences = found.differences
    low, high = differences.lower_limit.value, differences.upper_limit.value
    return (
        found.name,
        differences.n,
        found.correlation.agreement.words(2),
        found.correlation.consistency.words(2),
        differences.bias.words(1),
        f"{low:.1f} to {high:.1f}",
        found.within_subject_sd.words(1),
    )


def _risk(model: RiskModel, found: TwoReaders) -> list[str]:
    risk = found.risk
    low, *_, high = risk.quantiles
    cuts = ", ".join(f"{cut:.0%}" for cut in risk.cuts)
    changed = risk.changed
    return [
        f"Risk by {printable(model.id)} {printable(model.version)} of {risk.n} patients"
        " with all predictors, in percentage points, second less first:",
        f"mean {100 * risk.mean:.1f}; 95 % of the patients between {100 * low:.1f} and"
        f" {100 * high:.1f}; largest difference {100 * risk.largest:.1f}",
        f"The band (they end at {cuts}) changes with the reader for"
        f" {changed.value:.0%} of the patients ({changed.low:.0%} to"
        f" {changed.high:.0%}).",
    ]
