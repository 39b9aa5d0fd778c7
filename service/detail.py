"""The detail of a card: number, inputs, next steps and limits as Markdown."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor

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
    minimum_age_years : int
        Age from which the model is used here.
    """

    mode: str
    next_steps: str
    limits: str
    minimum_age_years: int


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
        What is the same for every patient.

    Returns
    -------
    str
        GitHub Flavored Markdown without HTML.
    """
    if assessment.not_assessed is not None:
        refusal = _refusal(wording, assessment, standing)
        return f"{refusal}\n\n{standing.limits}\n"
    paragraphs = [
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


def _refusal(wording: Wording, assessment: Assessment, standing: Standing) -> str:
    if assessment.not_assessed is Reason.UNDER_AGE:
        age = {"age": standing.minimum_age_years}
        return wording.detail["under-age"] % age
    group = assessment.extraction.exclusion or ""
    what = wording.words["exclusion"].get(group, quote(group))
    return wording.detail["excluded"] % {"what": what}


def _vertebra(
    wording: Wording, assessment: Assessment, item: VertebraAssessment
) -> Iterator[str]:
    if len(assessment.vertebrae) > 1:
        yield f"### {_name(wording, item)}"
    relative = assessment.mode is OutputMode.RELATIVE
    if isinstance(item.score, PartialScore):
        yield _gaps(wording, item)
        yield _bounds(wording, item.score, relative=relative)
    elif isinstance(item.score, Score):
        yield from _number(wording, assessment, item, item.score)
    elif item.outside is not None:
        why = wording.words["reason"][item.outside]
        yield wording.detail["outside"] % {"why": why}
    yield _table(wording, item)
    yield _bullets(_notes(wording, item))


def _name(wording: Wording, item: VertebraAssessment) -> str:
    return item.vertebra.level or str(wording.words["no_level"])


def _number(
    wording: Wording, assessment: Assessment, item: VertebraAssessment, score: Score
) -> Iterator[str]:
    """Give the number, then in one paragraph all that makes it uncertain."""
    say = wording.detail
    if assessment.mode is OutputMode.RELATIVE:
        yield say["relative"] % {
            "points": _total_points(score),
            "percentile": format_percentile(score.percentile),
        }
        sentences = _percentile_error(wording, score)
    else:
        n = of_100(score.risk)
        yield say[assessment.mode.value] % {"n": n, "rest": 100 - n}
        sentences = _uncertainty(wording, assessment, item, score)
    before = item.vertebra.cobb_preoperative_deg
    if isinstance(before, Measurement) and abs(float(before.value)) < _SMALL_ANGLE_DEG:
        sentences.append(say["small-angle"])
    yield " ".join(sentences)


def _uncertainty(
    wording: Wording, assessment: Assessment, item: VertebraAssessment, score: Score
) -> list[str]:
    say = wording.detail
    ranges = {
        "interval": score.interval,
        "other-readings": score.other_readings,
        "reading-error": score.reading_error,
    }
    parts = [say[name] % _of_100(found) for name, found in ranges.items() if found]
    sentences = [say["of-100"] % {"ranges": "; ".join(parts)}]
    second = assessment.second_model
    if item.models_disagree and item.second_risk is not None and second:
        other = {"n": of_100(item.second_risk)}
        sentences.append(say[second.id] % other)
    return sentences


def _percentile_error(wording: Wording, score: Score) -> list[str]:
    if score.percentile_reading_error is None:
        return []
    low, high = map(format_percentile, score.percentile_reading_error)
    return [wording.detail["percentile-reading-error"] % {"low": low, "high": high}]


def _of_100(risks: tuple[float, float]) -> dict[str, int]:
    return {"low": of_100(risks[0]), "high": of_100(risks[1])}


def _bounds(wording: Wording, score: PartialScore, *, relative: bool) -> str:
    """Round bounds outwards: they would be none otherwise."""
    low, high = score.percentile_bounds if relative else score.bounds
    scale = 1 if relative else 100
    limits = {"low": floor(scale * low), "high": ceil(scale * high)}
    return wording.detail["percentile-bounds" if relative else "bounds"] % limits


def _gaps(wording: Wording, item: VertebraAssessment) -> str:
    """List what is missing; what is missing for one and the same reason once."""
    groups: dict[Missing, list[str]] = {}
    for name, gap in item.missing.items():
        groups.setdefault(gap, []).append(name)
    lines = [_gap(wording, names, gap) for gap, names in groups.items()]
    return "\n".join([wording.detail["gaps"], "", *lines])


def _gap(wording: Wording, names: list[str], gap: Missing) -> str:
    words = wording.words
    labels = ", ".join(words["predictor"][name] for name in names)
    detail = f" ({quote(gap.detail)})" if gap.detail else ""
    told = [item for item in gap.candidates if item not in gap.detail]
    candidates = f": {quote(', '.join(told))}" if told else ""
    where = wording.detail["looked-in"] % {"where": words["looked_in"][names[0]]}
    return f"- **{labels}**: {words['reason'][gap.reason]}{detail}{candidates}. {where}"


def _table(wording: Wording, item: VertebraAssessment) -> str:
    rows = [
        _row(wording, name, found, item)
        for name, found in findings(item.vertebra).items()
    ]
    if isinstance(item.score, Score):
        percentile = format_percentile(item.score.percentile)
        total = {"n": percentile, "points": _total_points(item.score)}
        rows.append(wording.detail["total"] % total)
    return "\n".join([wording.detail["table-head"], "|---|---|---|--:|", *rows])


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
        f" {'' if points is None else round(points)} |"
    )


def _total_points(score: Score) -> int:
    """Add up the whole points that are shown, as one does with a pencil."""
    return sum(map(round, score.points.values()))


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
    told = {gap.detail for gap in item.missing.values()}
    return [
        *(
            wording.detail["extrapolated"] % {"name": words["predictor"][name]}
            for name in extrapolated
        ),
        *(words["flag"][flag] for flag in sorted(item.vertebra.flags)),
        *(quote(text) for text in item.vertebra.conflicts if text not in told),
    ]


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _mode(wording: Wording, assessment: Assessment, standing: Standing) -> str:
    """Say what kind of number it is, if there is one, and how new the records are."""
    has_number = any(item.score is not None for item in assessment.vertebrae)
    days = (
        day(found.time)
        for item in assessment.vertebrae
        for found in findings(item.vertebra).values()
        if isinstance(found, Measurement)
    )
    newest = max(days, default="")
    as_of = wording.detail["as-of"] % {"day": newest} if newest else ""
    return " ".join(filter(None, [standing.mode if has_number else "", as_of]))


def _sources(wording: Wording, assessment: Assessment) -> str:
    """Name the resource and the value as found behind each input."""
    several = len(assessment.vertebrae) > 1
    lines = [
        f"{_name(wording, item) + ': ' if several else ''}"
        + "; ".join(
            f"{wording.words['predictor'][name]}: {quote(_source(found))}"
            for name, found in findings(item.vertebra).items()
            if isinstance(found, Measurement)
        )
        for item in assessment.vertebrae
    ]
    return wording.detail["sources"] % {"list": ". ".join(lines)}


def _source(found: Measurement) -> str:
    parts = [found.source, found.as_found, found.status]
    return ", ".join(part for part in parts if part)
