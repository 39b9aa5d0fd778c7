"""The TRIPOD+AI checklist of a new model: what a program knows of it is filled in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from service import __version__
from service.model.artifact import load_bundled
from service.model.predictors import INPUTS
from service.validation.new_model import NewModel
from service.validation.optimism import Performance

__all__ = ["Answer", "checklist", "checklist_text"]

_FILE = Path(__file__).parents[1] / "data" / "tripod-ai.json"
_AUTHOR = "author: to be filled in"


@dataclass(frozen=True, slots=True)
class Answer:
    """
    One item of the checklist.

    Attributes
    ----------
    item : str
        Its number.
    asks : str
        What it asks for, in short.
    answer : str
        What is known of it; that the author must fill it in, if nothing is.
    is_filled : bool
        Whether the program knew something.
    """

    item: str
    asks: str
    answer: str
    is_filled: bool


def checklist(model: NewModel) -> tuple[Answer, ...]:
    """
    Fill in the checklist.

    Parameters
    ----------
    model : NewModel
        The results.

    Returns
    -------
    tuple of Answer
        Every item, in order. See Collins et al. (2024), doi:10.1136/bmj-2023-078378.
    """
    facts = _facts(model)
    return tuple(
        Answer(
            row["item"],
            row["asks"],
            (row["answer"] or _AUTHOR).format_map(facts),
            is_filled=row["answer"] is not None,
        )
        for row in json.loads(_FILE.read_text("utf-8"))
    )


def checklist_text(answers: tuple[Answer, ...]) -> str:
    """
    Write the checklist as a table.

    Parameters
    ----------
    answers : tuple of Answer
        The items.

    Returns
    -------
    str
        Markdown.
    """
    rows = [f"| {each.item} | {each.asks} | {each.answer} |" for each in answers]
    return "\n".join(
        ["# TRIPOD+AI", "", "| item | asks for | answer |", "|---|---|---|", *rows, ""]
    )


def _facts(model: NewModel) -> Mapping[str, object]:
    outcome = load_bundled("liu-nomogram").outcome
    source, plan = model.source, model.plan
    kept = [each.name for each in model.candidates if each.is_kept]
    internal = f"bootstrap, {plan.resamples} samples, every step in each"
    columns = sum(len(each.rad_coefficients) for each in model.candidates)
    held = model.validation
    return {
        "outcome": outcome.name,
        "definition": outcome.definition,
        "horizon": outcome.horizon,
        "condition": outcome.condition,
        "source": source.name.replace("|", "/"),
        "digest": source.digest,
        "synthetic": "SYNTHETIC: nobody in it is a patient. "
        if source.is_synthetic
        else "",
        "candidates": ", ".join(each.name for each in model.candidates),
        "parameters": columns,
        "r_squared": f"{model.r_squared:.3f}",
        "required": max(each.n for each in model.required),
        "verdict": model.verdict.words,
        "shrinkage": f"{model.shrinkage:.2f}",
        "refused": model.refused,
        "in_cohort": model.in_cohort,
        "incomplete": model.incomplete,
        "not_examined": model.not_examined,
        "division": _division(model),
        "difference": "Drawn at random from the same patients: none but chance."
        if held
        else "No separate evaluation data.",
        "penalty": f"{model.one_se_penalty:.6g}",
        "rule": "p < 0.05 stays" if plan.rule == "p" else "Akaike's criterion",
        "internal": internal,
        "version": __version__,
        "seed": plan.seed,
        "n": model.derivation.n,
        "events": model.derivation.events,
        "validated_n": f"; {held.n} and {held.events} kept for validation"
        if held
        else "",
        "by_split": " and by_split" if held else "",
        "equation": _equation(model),
        "performance": _performance(model),
        "limitations": _limitations(model, kept),
    }


def _division(model: NewModel) -> str:
    if model.validation is None:
        return "Not divided: all patients derive, the bootstrap validates."
    return (
        "At random, 70 % to derive and 30 % to validate, stratified by outcome. This"
        " wastes patients and judges by few; the bootstrap is the better figure."
    )


def _equation(model: NewModel) -> str:
    terms = [f"{row.value:+.6g} x {row.name}" for row in model.model]
    names = {each.name for each in model.candidates if each.is_kept}
    codes = [
        f"{label} is {name} {code:g}"
        for name, kind in INPUTS.items()
        if name in names
        for label, code in kind.codes.items()
    ]
    words = " ".join([f"{model.intercept:.6g}", *terms])
    return "; ".join([words, *codes]).replace("|", "/")


def _performance(model: NewModel) -> str:
    found = model.optimism
    parts = [
        f"Apparent: {_words(found.apparent)}.",
        f"Corrected for optimism: {_words(found.corrected)}.",
    ]
    if model.validated is not None:
        parts.append(f"In the patients kept for validation: {_words(model.validated)}.")
    return " ".join(parts)


def _words(found: Performance) -> str:
    return (
        f"AUC {found.auc:.3f}, Brier {found.brier:.3f}, slope {found.slope:.3f},"
        f" intercept {found.intercept:.3f}"
    )


def _limitations(model: NewModel, kept: list[str]) -> str:
    chosen = {each.name: each.kept_share for each in model.candidates}
    stable = ", ".join(f"{name} {chosen[name]:.0%}" for name in kept) or "none"
    return (
        f"Sample size: {model.verdict.words}. Share of bootstrap samples in which each"
        f" predictor is kept: {stable}. Odds ratios and intervals take no account of"
        " the selection."
    )
