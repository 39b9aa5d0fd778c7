"""The numbers in the words of the card: from the artifact and the published tables."""

from collections.abc import Mapping
from gettext import NullTranslations

from service.languages import join_sentences, tell
from service.model.published import CITATION, INCIDENCES, PERFORMANCES
from service.model.risk_model import RiskModel
from service.model_card.content import Content
from service.model_card.local_words import in_words

__all__ = ["facts_of"]

_BIBTEX = (
    "@article{{liu_scnen, author = {{{authors}}}, title = {{{title}}},"
    " journal = {{{journal}}}}}"
)

#: Predictors are listed between semicolons, so that none holds one.
_NO_SEMICOLON = str.maketrans(";；", ",，")


def facts_of(
    model: RiskModel, content: Content, words: NullTranslations
) -> Mapping[str, str]:
    """
    Give every number that a text of the card may name.

    Parameters
    ----------
    model : RiskModel
        The model.
    content : Content
        What is said, for what is in neither artifact nor tables.
    words : gettext.NullTranslations
        The words of the language in which it is said.

    Returns
    -------
    Mapping[str, str]
        Numbers as they are printed, and words of the artifact.
    """
    (events, n), (both_events, both_n), (other_events, other_n) = INCIDENCES
    predictors = words.gettext("; ").join(
        tell(words, each.description).translate(_NO_SEMICOLON)
        for each in model.predictors
    )
    outcome = model.outcome
    definition, condition = (
        tell(words, outcome.definition),
        tell(words, outcome.condition),
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
        **_performances(words),
        **{name: tell(words, value) for name, value in content.numbers.items()},
        "model_id": model.id,
        "version": model.version,
        "digest": model.digest,
        "label": tell(words, model.label),
        "outcome": tell(words, outcome.name),
        "definition": definition,
        "definition_capital": _capital(definition),
        "horizon": tell(words, outcome.horizon),
        "condition_capital": _capital(condition),
        "predictors": predictors,
        "predictors_capital": _capital(predictors),
        "citation": CITATION,
        "bibtex": _bibtex(),
        "not_for": join_sentences(
            words, (tell(words, each) for each in content.not_for)
        ),
    }


def _performances(words: NullTranslations) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for each in PERFORMANCES:
        value, low, high = each.auc
        start, end = each.useful
        found |= {
            f"auc_{each.cohort}": in_words((value, low, high), words),
            f"mae_{each.cohort}": f"{each.mean_absolute_error:.3f}",
            f"hl_{each.cohort}": f"{each.hosmer_lemeshow_p:.4f}",
            f"useful_{each.cohort}": words.gettext("%(low)s to %(high)s %%")
            % {"low": f"{100 * start:g}", "high": f"{100 * end:g}"},
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
