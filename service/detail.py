"""The detail of a card: number, inputs, next steps and limits as Markdown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.assessment import Assessment, OutputMode, VertebraAssessment, findings
from service.fhir.findings import Measurement, Missing, Reason
from service.model.scoring import Score
from service.wording import Wording, Words, day, format_number, quote

__all__ = ["render_detail"]

_UNITS = {
    "cement_ratio_percent": " %",
    "cobb_preoperative_deg": "°",
    "cobb_postoperative_deg": "°",
    "cobb_restoration_ratio_percent": " %",
}

#: Under this preoperative angle a reading error of 3° moves the risk widely.
_SMALL_ANGLE_DEG = 5


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the table of inputs."""

    name: str
    value: str
    date: str
    points: str


@dataclass(frozen=True, slots=True)
class _Section:
    """What the template shows of one vertebra."""

    title: str
    outside: str | None
    scored: bool
    score: Score | None
    second_score: Score | None
    disagrees: bool
    small_angle: bool
    missing: Mapping[str, Missing]
    rows: tuple[_Row, ...]
    extrapolated: tuple[str, ...]
    notes: tuple[str, ...]


def render_detail(
    wording: Wording, assessment: Assessment, standing: Mapping[str, str]
) -> str:
    """
    Write the detail of a card.

    Parameters
    ----------
    wording : Wording
        Templates and words of the language.
    assessment : Assessment
        What was found and scored.
    standing : Mapping of str to str
        The parts that are the same for every patient: ``mode``, ``next_steps``,
        ``limits``.

    Returns
    -------
    str
        GitHub Flavored Markdown without HTML.
    """
    words = wording.words
    text: str = wording.detail.render(
        words=words,
        items=[_section(item, words) for item in assessment.vertebrae],
        relative=assessment.mode is OutputMode.RELATIVE,
        not_assessed=assessment.not_assessed and assessment.not_assessed.value,
        exclusion=assessment.extraction.exclusion,
        notes=[words["flag"][flag] for flag in assessment.flags],
        as_of=_as_of(assessment),
        sources=_sources(assessment, words),
        **standing,
    )
    return text.strip() + "\n"


def _section(item: VertebraAssessment, words: Words) -> _Section:
    found = findings(item.vertebra)
    before = found["cobb_preoperative_deg"]
    return _Section(
        title=item.vertebra.level or words["no_level"],
        outside=item.outside and item.outside.value,
        scored=item.outside is None and not item.missing,
        score=item.score,
        second_score=item.second_score,
        disagrees=item.second_band is not None and item.second_band is not item.band,
        small_angle=isinstance(before, Measurement)
        and float(before.value) < _SMALL_ANGLE_DEG,
        missing=item.missing,
        rows=tuple(_row(name, value, item, words) for name, value in found.items()),
        extrapolated=item.score.extrapolated if item.score else (),
        notes=tuple(words["flag"][flag.value] for flag in sorted(item.vertebra.flags)),
    )


def _row(
    name: str,
    found: Measurement | Missing,
    item: VertebraAssessment,
    words: Words,
) -> _Row:
    if isinstance(found, Missing):
        text = (
            words["reason"][found.reason.value]
            if name in item.missing or (found.reason is Reason.NOT_APPLICABLE)
            else "–"
        )
        return _Row(name, text, "", "")
    points = item.score.points.get(name) if item.score else None
    return _Row(
        name,
        _in_words(name, found, item, words),
        day(found.time),
        "" if points is None else format_number(points),
    )


def _in_words(
    name: str,
    found: Measurement,
    item: VertebraAssessment,
    words: Words,
) -> str:
    if name == "segment":
        level = f" ({item.vertebra.level})" if item.vertebra.level else ""
        return f"{words['segment'][found.value]}{level}"
    if name == "method":
        return str(words["method"][found.value])
    return f"{format_number(float(found.value))}{_UNITS[name]}"


def _as_of(assessment: Assessment) -> str:
    """Tell the day of the newest record used: the same inputs, the same card."""
    days = (
        day(found.time)
        for item in assessment.vertebrae
        for found in findings(item.vertebra).values()
        if isinstance(found, Measurement)
    )
    return max(days, default="")


def _sources(assessment: Assessment, words: Words) -> list[str]:
    """Name the resource, the code and the value as found behind each input."""
    return [
        f"{words['predictor'][name]}: {quote(_source(found))}"
        for item in assessment.vertebrae
        for name, found in findings(item.vertebra).items()
        if isinstance(found, Measurement)
    ]


def _source(found: Measurement) -> str:
    parts = [found.source, found.as_found, found.status]
    return ", ".join(part for part in parts if part)
