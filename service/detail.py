"""The detail of a card: number, inputs, next steps and limits as Markdown."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor
from typing import Final, NamedTuple

from service.assessment import Assessment, OutputMode, VertebraAssessment, findings
from service.fhir.findings import Measurement, Missing, OperatedVertebra, Reason
from service.model.scoring import PartialScore, Score
from service.wording import (
    Wording,
    day,
    format_number,
    format_percentile,
    of_100,
    quote,
)

__all__ = ["SMALL_ANGLE_DEG", "Standing", "has_small_angle", "render_detail"]

_ANGLES = {"cobb_preoperative_deg", "cobb_postoperative_deg"}
_RATIOS = {"cement_ratio_percent", "cobb_restoration_ratio_percent"}

#: Under this preoperative angle a reading error of 3° moves the risk widely.
SMALL_ANGLE_DEG: Final = 5


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


@dataclass(slots=True)
class _Finding:
    """One quantity of a vertebra as the card names it, with the day of its value."""

    name: str
    label: str
    found: Measurement | Missing
    day: str


class _View(NamedTuple):
    """One vertebra with what several paragraphs need of it, looked up once."""

    item: VertebraAssessment
    findings: list[_Finding]
    missing: Mapping[str, Missing]
    name: str


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
    views = [_view(wording, item) for item in assessment.vertebrae]
    paragraphs = []
    for view in views:
        paragraphs += _vertebra(wording, assessment, view)
    paragraphs += [
        _bullets([wording.words["flag"][flag] for flag in assessment.flags]),
        _mode(wording, views, standing),
        standing.next_steps,
        _sources(wording, views),
        standing.limits,
    ]
    return "\n\n".join(filter(None, paragraphs)) + "\n"


def has_small_angle(vertebra: OperatedVertebra) -> bool:
    """
    Tell whether a small reading error of an angle changes the number much.

    Parameters
    ----------
    vertebra : OperatedVertebra
        The vertebra.

    Returns
    -------
    bool
        Whether the angle before the operation is known and small.
    """
    before = vertebra.cobb_preoperative_deg
    return (
        isinstance(before, Measurement) and abs(float(before.value)) < SMALL_ANGLE_DEG
    )


def _view(wording: Wording, item: VertebraAssessment) -> _View:
    labels = wording.words["predictor"]
    lines = []
    for name, found in findings(item.vertebra).items():
        when = day(found.time) if isinstance(found, Measurement) else ""
        lines.append(_Finding(name, labels[name], found, when))
    name = item.vertebra.level or str(wording.words["no_level"])
    return _View(item, lines, item.missing, name)


def _refusal(wording: Wording, assessment: Assessment, standing: Standing) -> str:
    if assessment.not_assessed is Reason.UNDER_AGE:
        age = {"age": standing.minimum_age_years}
        return wording.detail["under-age"] % age
    group = assessment.extraction.exclusion or ""
    what = wording.words["exclusion"].get(group, quote(group))
    return wording.detail["excluded"] % {"what": what}


def _vertebra(wording: Wording, assessment: Assessment, view: _View) -> list[str]:
    item = view.item
    paragraphs = [f"### {view.name}"] if len(assessment.vertebrae) > 1 else []
    if isinstance(item.score, PartialScore):
        relative = assessment.mode is OutputMode.RELATIVE
        paragraphs.append(_gaps(wording, view.missing))
        paragraphs.append(_bounds(wording, item.score, relative=relative))
    elif isinstance(item.score, Score):
        paragraphs += _number(wording, assessment, item, item.score)
    elif item.outside is not None:
        why = wording.words["reason"][item.outside]
        paragraphs.append(wording.detail["outside"] % {"why": why})
    paragraphs.append(_table(wording, view))
    paragraphs.append(_bullets(_notes(wording, view)))
    return paragraphs


def _number(
    wording: Wording, assessment: Assessment, item: VertebraAssessment, score: Score
) -> list[str]:
    """Give the number, then in one paragraph all that makes it uncertain."""
    say = wording.detail
    if assessment.mode is OutputMode.RELATIVE:
        number = say["relative"] % {
            "points": _total_points(score),
            "percentile": format_percentile(score.percentile),
        }
        sentences = _percentile_error(wording, score)
    else:
        n = of_100(score.risk)
        number = say[assessment.mode] % {"n": n, "rest": 100 - n}
        sentences = _uncertainty(wording, assessment, item, score)
    if has_small_angle(item.vertebra):
        sentences.append(say["small-angle"])
    return [number, wording.joined("sentences", sentences)]


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
    sentences = [say["of-100"] % {"ranges": wording.joined("series", parts)}]
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


def _gaps(wording: Wording, missing: Mapping[str, Missing]) -> str:
    """List what is missing; what is missing for one and the same reason once."""
    groups: dict[Missing, list[str]] = {}
    for name, gap in missing.items():
        groups.setdefault(gap, []).append(name)
    lines = [_gap(wording, names, gap) for gap, names in groups.items()]
    return "\n".join([wording.detail["gaps"], "", *lines])


def _gap(wording: Wording, names: list[str], gap: Missing) -> str:
    words = wording.words
    labels = wording.joined("list", [words["predictor"][name] for name in names])
    why = words["reason"][gap.reason]
    if gap.detail:
        why = wording.put("added", text=why, added=quote(wording.remarked(gap.detail)))
    told = [item for item in gap.candidates if item not in gap.detail]
    if told:
        why = wording.put("label", label=why, text=quote(wording.joined("list", told)))
    where = wording.detail["looked-in"] % {"where": words["looked_in"][names[0]]}
    told_and_sought = wording.joined("lists", [why, where])
    return "- " + wording.put("label", label=f"**{labels}**", text=told_and_sought)


def _table(wording: Wording, view: _View) -> str:
    rows = [_row(wording, finding, view) for finding in view.findings]
    score = view.item.score
    if isinstance(score, Score):
        percentile = format_percentile(score.percentile)
        total = {"n": percentile, "points": _total_points(score)}
        rows.append(wording.detail["total"] % total)
    return "\n".join([wording.detail["table-head"], "|---|---|---|--:|", *rows])


def _row(wording: Wording, finding: _Finding, view: _View) -> str:
    name, found = finding.name, finding.found
    if isinstance(found, Missing):
        is_asked_for = name in view.missing
        text = wording.words["reason"][found.reason] if is_asked_for else "–"
        return f"| {finding.label} | {text} | | |"
    points = view.item.score.points.get(name) if view.item.score else None
    shown = "" if points is None else round(points)
    value = _in_words(wording, name, found, view.item)
    return f"| {finding.label} | {value} | {finding.day} | {shown} |"


def _total_points(score: Score) -> int:
    """Add up the whole points that are shown, as one does with a pencil."""
    return sum(map(round, score.points.values()))


def _in_words(
    wording: Wording, name: str, found: Measurement, item: VertebraAssessment
) -> str:
    if name in _ANGLES:
        return f"{format_number(float(found.value))}°"
    if name in _RATIOS:
        return wording.put("percent", n=format_number(float(found.value)))
    word = str(wording.words[name][found.value])
    if name == "segment" and item.vertebra.level:
        return wording.put("added", text=word, added=item.vertebra.level)
    return word


def _notes(wording: Wording, view: _View) -> list[str]:
    words, item = wording.words, view.item
    notes = []
    if item.score and item.score.extrapolated:
        say = wording.detail["extrapolated"]
        names = item.score.extrapolated
        notes += [say % {"name": words["predictor"][name]} for name in names]
    if item.vertebra.flags:
        notes += [words["flag"][flag] for flag in sorted(item.vertebra.flags)]
    if item.vertebra.conflicts:
        told = {gap.detail for gap in view.missing.values()}
        new = (text for text in item.vertebra.conflicts if text not in told)
        notes += [quote(wording.remarked(text)) for text in new]
    return notes


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _mode(wording: Wording, views: list[_View], standing: Standing) -> str:
    """Say what kind of number it is, if there is one, and how new the records are."""
    has_number = any(view.item.score is not None for view in views)
    newest = max([line.day for view in views for line in view.findings], default="")
    as_of = wording.detail["as-of"] % {"day": newest} if newest else ""
    return wording.joined("sentences", [standing.mode if has_number else "", as_of])


def _sources(wording: Wording, views: list[_View]) -> str:
    """Name the resource and the value as found behind each input."""
    lines = [_sources_of_one(wording, view) for view in views]
    if len(views) > 1:
        lines = [
            wording.put("label", label=view.name, text=line)
            for view, line in zip(views, lines, strict=True)
        ]
    return wording.detail["sources"] % {"list": wording.joined("lists", lines)}


def _sources_of_one(wording: Wording, view: _View) -> str:
    return wording.joined(
        "series",
        [
            wording.put("label", label=line.label, text=_source(wording, line.found))
            for line in view.findings
            if isinstance(line.found, Measurement)
        ],
    )


def _source(wording: Wording, found: Measurement) -> str:
    as_found = found.as_found and wording.remarked(found.as_found)
    status = found.status and wording.remarked(found.status)
    return quote(wording.joined("details", (found.source, as_found, status)))
