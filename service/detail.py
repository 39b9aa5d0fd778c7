"""The detail of a card: number, inputs, next steps and limits as Markdown."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.assessment import Assessment, OutputMode, VertebraAssessment, findings
from service.fhir.findings import Measurement, Missing, Reason
from service.model.scoring import PartialScore, Score
from service.wording import (
    Wording,
    day,
    format_number,
    format_percentile,
    of_100,
    quote,
)

__all__ = ["Standing", "render_detail"]

_UNITS = {
    "cement_ratio_percent": " %",
    "cobb_preoperative_deg": "°",
    "cobb_postoperative_deg": "°",
    "cobb_restoration_ratio_percent": " %",
}

#: Under this preoperative angle a reading error of 3° moves the risk widely.
_SMALL_ANGLE_DEG = 5


@dataclass(frozen=True, slots=True)
class Standing:
    """
    The paragraphs that are the same for every patient.

    Attributes
    ----------
    mode : str
        What kind of number is given, and who approved the thresholds.
    next_steps : str
        What must not be missed, the examination, the block, the differentials.
    limits : str
        What the model does not know.
    """

    mode: str
    next_steps: str
    limits: str


def render_detail(wording: Wording, assessment: Assessment, standing: Standing) -> str:
    """
    Write the detail of a card.

    Parameters
    ----------
    wording : Wording
        Sentences and words of the language.
    assessment : Assessment
        What was found and scored.
    standing : Standing
        The paragraphs that are the same for every patient.

    Returns
    -------
    str
        GitHub Flavored Markdown without HTML.
    """
    paragraphs = [
        *_refusal(wording, assessment),
        *(
            paragraph
            for item in assessment.vertebrae
            for paragraph in _vertebra(wording, assessment, item)
        ),
        _bullets([wording.words["flag"][flag] for flag in assessment.flags]),
        _mode(wording, assessment, standing),
        standing.next_steps,
        _sources(wording, assessment),
        standing.limits,
    ]
    return "\n\n".join(filter(None, paragraphs)) + "\n"


def _refusal(wording: Wording, assessment: Assessment) -> Iterator[str]:
    if assessment.not_assessed is Reason.EXCLUDED_CONDITION:
        group = assessment.extraction.exclusion or ""
        what = wording.words["exclusion"].get(group, quote(group))
        yield wording.detail["excluded"] % {"what": what}
    elif assessment.not_assessed is Reason.UNDER_AGE:
        yield wording.detail["under-age"]


def _vertebra(
    wording: Wording, assessment: Assessment, item: VertebraAssessment
) -> Iterator[str]:
    if len(assessment.vertebrae) > 1:
        yield f"### {item.vertebra.level or wording.words['no_level']}"
    relative = assessment.mode is OutputMode.RELATIVE
    if item.outside is not None:
        why = wording.words["reason"][item.outside]
        yield wording.detail["outside"] % {"why": why}
    elif isinstance(item.score, PartialScore):
        yield _gaps(wording, item)
        yield _bounds(wording, item.score, relative=relative)
    elif isinstance(item.score, Score):
        number = _percentile if relative else _risk
        yield from number(wording, item, item.score)
    yield _table(wording, item)
    yield _bullets(_notes(wording, item))


def _risk(wording: Wording, item: VertebraAssessment, score: Score) -> Iterator[str]:
    say = wording.detail
    n = of_100(score.risk)
    yield say["risk"] % {"n": n, "rest": 100 - n}
    ranges = {
        "interval": score.interval,
        "other-readings": score.other_readings,
        "reading-error": score.reading_error,
    }
    parts = [say[name] % _range(item) for name, item in ranges.items() if item]
    sentences = [say["of-100"] % {"ranges": "; ".join(parts)}]
    before = item.vertebra.cobb_preoperative_deg
    if isinstance(before, Measurement) and float(before.value) < _SMALL_ANGLE_DEG:
        sentences.append(say["small-angle"])
    if item.models_disagree and item.second_score:
        other = of_100(item.second_score.risk)
        sentences.append(say["other-equation"] % {"n": other})
    yield " ".join(sentences)


def _percentile(
    wording: Wording, _item: VertebraAssessment, score: Score
) -> Iterator[str]:
    yield wording.detail["score"] % {
        "points": format_number(score.total_points),
        "percentile": format_percentile(score.percentile),
    }


def _bounds(wording: Wording, score: PartialScore, *, relative: bool) -> str:
    if not relative:
        return wording.detail["bounds"] % _range(score.bounds)
    low, high = map(format_percentile, score.percentile_bounds)
    return wording.detail["percentile-bounds"] % {"low": low, "high": high}


def _gaps(wording: Wording, item: VertebraAssessment) -> str:
    lines = [_gap(wording, name, gap) for name, gap in item.missing.items()]
    return "\n".join([wording.detail["gaps"], "", *lines])


def _gap(wording: Wording, name: str, gap: Missing) -> str:
    words = wording.words
    detail = f" ({quote(gap.detail)})" if gap.detail else ""
    candidates = f": {quote(', '.join(gap.candidates))}" if gap.candidates else ""
    where = wording.detail["looked-in"] % {"where": words["looked_in"][name]}
    reason = words["reason"][gap.reason]
    return f"- **{words['predictor'][name]}**: {reason}{detail}{candidates}. {where}"


def _table(wording: Wording, item: VertebraAssessment) -> str:
    rows = [
        _row(wording, name, found, item)
        for name, found in findings(item.vertebra).items()
    ]
    score = item.score
    if isinstance(score, Score):
        total = {
            "n": format_percentile(score.percentile),
            "points": format_number(score.total_points),
        }
        rows.append(wording.detail["total"] % total)
    return "\n".join([wording.detail["table-head"], "|---|---|---|---|", *rows])


def _row(
    wording: Wording,
    name: str,
    found: Measurement | Missing,
    item: VertebraAssessment,
) -> str:
    label = wording.words["predictor"][name]
    if isinstance(found, Missing):
        is_asked_for = name in item.missing
        text = wording.words["reason"][found.reason] if is_asked_for else "–"
        return f"| {label} | {text} | | |"
    points = item.score.points.get(name) if item.score else None
    return (
        f"| {label} | {_in_words(wording, name, found, item)} | {day(found.time)} |"
        f" {'' if points is None else format_number(points)} |"
    )


def _in_words(
    wording: Wording, name: str, found: Measurement, item: VertebraAssessment
) -> str:
    if name == "segment":
        level = f" ({item.vertebra.level})" if item.vertebra.level else ""
        return f"{wording.words['segment'][found.value]}{level}"
    if name == "method":
        return str(wording.words["method"][found.value])
    return f"{format_number(float(found.value))}{_UNITS[name]}"


def _notes(wording: Wording, item: VertebraAssessment) -> list[str]:
    words = wording.words
    extrapolated = item.score.extrapolated if item.score else ()
    return [
        *(
            wording.detail["extrapolated"] % {"name": words["predictor"][name]}
            for name in extrapolated
        ),
        *(words["flag"][flag] for flag in sorted(item.vertebra.flags)),
        *map(quote, item.vertebra.conflicts),
    ]


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _mode(wording: Wording, assessment: Assessment, standing: Standing) -> str:
    """Say what kind of number it is, and the day of the newest record used."""
    days = (
        day(found.time)
        for item in assessment.vertebrae
        for found in findings(item.vertebra).values()
        if isinstance(found, Measurement)
    )
    newest = max(days, default="")
    as_of = [wording.detail["as-of"] % {"day": newest}] if newest else []
    return " ".join([standing.mode, *as_of])


def _sources(wording: Wording, assessment: Assessment) -> str:
    """Name the resource and the value as found behind each input."""
    lines = [
        f"{wording.words['predictor'][name]}: {quote(_source(found))}"
        for item in assessment.vertebrae
        for name, found in findings(item.vertebra).items()
        if isinstance(found, Measurement)
    ]
    return wording.detail["sources"] % {"list": "; ".join(lines)} if lines else ""


def _source(found: Measurement) -> str:
    parts = [found.source, found.as_found, found.status]
    return ", ".join(part for part in parts if part)


def _range(risks: tuple[float, float]) -> dict[str, int]:
    return {"low": of_100(risks[0]), "high": of_100(risks[1])}
