"""The numbers in the words of the card: from the artifact and the published tables."""

from collections.abc import Mapping

from service.model.published import CITATION, INCIDENCES, PERFORMANCES
from service.model.risk_model import RiskModel
from service.model_card.content import Content
from service.model_card.local_words import in_words

__all__ = ["facts_of"]

_BIBTEX = (
    "@article{{liu_scnen, author = {{{authors}}}, title = {{{title}}},"
    " journal = {{{journal}}}}}"
)


def facts_of(model: RiskModel, content: Content) -> Mapping[str, str]:
    """
    Give every number that a text of the card may name.

    Parameters
    ----------
    model : RiskModel
        The model.
    content : Content
        The words, for what is in neither artifact nor tables.

    Returns
    -------
    Mapping[str, str]
        Numbers as they are printed, and words of the artifact.
    """
    (events, n), (both_events, both_n), (other_events, other_n) = INCIDENCES
    predictors = "; ".join(
        each.description.replace(";", ",") for each in model.predictors
    )
    counts = {
        "n": n,
        "events": events,
        "both_n": both_n,
        "both_events": both_events,
        "other_n": other_n,
        "other_events": other_events,
        "validation_n": both_n - n,
        "validation_events": both_events - events,
        "terms": len(model.predictors),
    }
    return {
        **{name: str(count) for name, count in counts.items()},
        **_performances(),
        **content.numbers,
        "model_id": model.id,
        "version": model.version,
        "digest": model.digest,
        "label": model.label,
        "outcome": model.outcome.name,
        "definition": model.outcome.definition,
        "definition_capital": _capital(model.outcome.definition),
        "horizon": model.outcome.horizon,
        "condition_capital": _capital(model.outcome.condition),
        "predictors": predictors,
        "predictors_capital": _capital(predictors),
        "citation": CITATION,
        "bibtex": _bibtex(),
        "not_for": " ".join(content.not_for),
    }


def _performances() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for each in PERFORMANCES:
        value, low, high = each.auc
        start, end = each.useful
        found |= {
            f"auc_{each.cohort}": in_words((value, low, high)),
            f"mae_{each.cohort}": f"{each.mean_absolute_error:.3f}",
            f"hl_{each.cohort}": f"{each.hosmer_lemeshow_p:.4f}",
            f"useful_{each.cohort}": f"{100 * start:g} to {100 * end:g} %",
        }
    return found


def _bibtex() -> str:
    authors, title, journal = CITATION.rstrip(".").split(". ")
    names = " and ".join(_name(each) for each in authors.split(", "))
    return _BIBTEX.format(authors=names, title=title, journal=journal)


def _name(author: str) -> str:
    family, initials = author.split()
    return f"{family}, {' '.join(f'{letter}.' for letter in initials)}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
