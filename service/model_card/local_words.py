"""The hospital's own figures as words and rows of the card."""

from collections.abc import Mapping
from gettext import NullTranslations
from typing import Any

from service.languages import N_, tell
from service.model.calibration import Calibration
from service.model_card.local import Figure, LocalGroup, LocalValidation

__all__ = ["COMMON", "group_rows", "in_words", "local_facts", "validation_rows"]

#: What a file of results says in other languages, too: common columns and values, and
#: why a group is hidden. What is a hospital's own stays as it is.
COMMON = (
    N_("age"),
    N_("sex"),
    N_("female"),
    N_("male"),
    N_("segment"),
    N_("method"),
    N_("hidden: fewer than 10 patients with the outcome, or without it"),
)
_FIGURES = ("auc", "observed_expected", "slope", "intercept", "ici")


def local_facts(
    local: LocalValidation | None,
    calibration: Calibration | None,
    words: NullTranslations,
) -> Mapping[str, str]:
    """
    Give the local numbers that a text may name.

    Parameters
    ----------
    local : LocalValidation or None
        What a validation found.
    calibration : Calibration or None
        What a recalibration rests on.
    words : gettext.NullTranslations
        The words of the language in which it is said.

    Returns
    -------
    Mapping[str, str]
        Numbers as they are printed; only those that there are.
    """
    found: dict[str, str] = {}
    if local is not None:
        found |= {
            "local_n": str(local.n),
            "local_events": str(local.events),
            "local_groupings": words.gettext(", ").join(
                tell(words, each) for each in local.groupings
            ),
            **{
                f"local_{name}": in_words(getattr(local, name), words)
                for name in _FIGURES
            },
        }
    if calibration is not None:
        found |= {
            "calibration_n": str(calibration.n),
            "calibration_events": str(calibration.events),
            "calibration_first": calibration.first_operation.isoformat(),
            "calibration_last": calibration.last_operation.isoformat(),
        }
    return found


def in_words(figure: Figure, words: NullTranslations) -> str:
    """
    Write a figure with its interval.

    Parameters
    ----------
    figure : tuple of float or None
        Value, low and high end.
    words : gettext.NullTranslations
        The words of the language.

    Returns
    -------
    str
        In words.

    Examples
    --------
    >>> in_words((0.7612, 0.7, None), NullTranslations())
    '0.761 (95 % interval 0.700 to –)'
    """
    value, low, high = ("–" if each is None else f"{each:.3f}" for each in figure)
    said = {"value": value, "low": low, "high": high}
    return words.gettext("%(value)s (95 %% interval %(low)s to %(high)s)") % said


def validation_rows(local: LocalValidation) -> dict[str, Any]:
    """
    Give a validation for the card.

    Parameters
    ----------
    local : LocalValidation
        What was found.

    Returns
    -------
    dict
        JSON-ready, each figure as value, low and high end.
    """
    return {
        "n": local.n,
        "events": local.events,
        **{name: list(getattr(local, name)) for name in _FIGURES},
        "brier": local.brier,
        "is_synthetic": local.is_synthetic,
        "data_sha256": local.data_digest,
        "software": local.software,
    }


def group_rows(local: LocalValidation) -> list[dict[str, Any]]:
    """
    Give the subgroups for the card.

    Parameters
    ----------
    local : LocalValidation
        What was found.

    Returns
    -------
    list of dict
        JSON-ready; of a hidden group nothing but why.
    """
    return [_row(group) for group in local.groups]


def _row(group: LocalGroup) -> dict[str, Any]:
    told: dict[str, Any] = {"grouping": group.grouping, "label": group.label}
    if group.note:
        return told | {"note": group.note}
    return told | {
        "n": group.n,
        "events": group.events,
        "auc": list(group.auc),
        "observed_expected": list(group.observed_expected),
    }
