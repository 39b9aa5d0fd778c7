"""What is said of values that somebody entered: numbers as JSON, and in words."""

from collections.abc import Iterator, Mapping
from math import ceil, exp, floor, log
from typing import Any, Final

from cds_hooks.plaintext import plain_text
from service.assessment import RATIO
from service.calculator import Calculation
from service.detail import SMALL_ANGLE_DEG
from service.explanation import describe_model
from service.fhir.findings import Reason
from service.model.nomogram import points_from_linear_predictor
from service.model.scoring import PartialScore, Score
from service.wording import (
    Wording,
    format_number,
    format_percentile,
    load_words,
    of_100,
)

__all__ = ["CalculatorAnswer"]

#: Ranges of a risk, by the sentence about each.
_RANGES: Final = {
    "interval": "interval",
    "other-readings": "other_readings",
    "reading-error": "reading_error",
}
#: A risk that is 0 or 1 to all digits has no place on an axis of log odds.
_LEAST: Final = 1e-12


class CalculatorAnswer:
    """
    Write answers in one language.

    Parameters
    ----------
    language : str
        Language of the words.
    """

    def __init__(self, language: str) -> None:
        self._cards = Wording(language)
        self._own: Any = load_words("nomogram.j2", language)

    def write(self, found: Calculation) -> dict[str, Any]:
        """
        Write an answer.

        Parameters
        ----------
        found : Calculation
            What came of the values.

        Returns
        -------
        dict
            JSON-ready. In output mode ``relative`` neither a probability is in it nor
            anything that one could be worked out from.
        """
        score = found.score
        return {
            "model": describe_model(found.model, found.mode),
            "inputs": dict(found.inputs),
            "missing": list(score.missing) if isinstance(score, PartialScore) else [],
            **_numbers(found),
            "points": dict(score.points) if score else {},
            "total_points_range": _span(found),
            "extrapolated": list(score.extrapolated) if score else [],
            "words": self._words(found),
        }

    def _words(self, found: Calculation) -> dict[str, Any]:
        score, own = found.score, self._own
        if isinstance(score, Score) and found.is_relative:
            place = {"n": format_percentile(score.percentile)}
            number = own.number["percentile"] % place
            sentences = self._of_percentile(found, score)
        elif isinstance(score, Score):
            number = own.number["risk"] % {"n": of_100(score.risk)}
            sentences = self._of_risk(found, score)
        elif isinstance(score, PartialScore):
            key = "percentile-bounds" if found.is_relative else "bounds"
            limits = _limits(score, is_relative=found.is_relative)
            number = own.number[key] % limits
            sentences = self._of_bounds(score, self._cards.detail[key] % limits)
        else:
            number = own.number["none"]
            why = {"why": self._cards.words["reason"][Reason.NOT_APPLICABLE]}
            sentences = iter([self._cards.detail["outside"] % why])
        advice = self._cards.advice
        standing = advice.mode(found.model, found.mode, found.policy.approval)
        return {
            "number": number,
            "sentences": [_plain(each) for each in (*sentences, *self._notes(found))],
            "standing": _plain(str(standing)),
            **_columns(found),
        }

    def _of_percentile(self, found: Calculation, score: Score) -> Iterator[str]:
        say, error = self._cards.detail, score.percentile_reading_error
        yield say["relative"] % _place(score)
        if error is not None:
            low, high = map(format_percentile, error)
            yield say["percentile-reading-error"] % {"low": low, "high": high}
        is_reached = score.percentile >= found.policy.bands.relative_percentile
        key = "reached" if is_reached else "not_reached"
        yield self._own.band[key] % _thresholds(found)

    def _of_risk(self, found: Calculation, score: Score) -> Iterator[str]:
        say, n = self._cards.detail, of_100(score.risk)
        yield say[found.mode] % {"n": n, "rest": 100 - n}
        ranges = [
            say[key] % {"low": of_100(ends[0]), "high": of_100(ends[1])}
            for key, name in _RANGES.items()
            if (ends := getattr(score, name)) is not None
        ]
        yield say["of-100"] % {"ranges": self._cards.joined("series", ranges)}
        yield self._own.band[found.band] % _thresholds(found)
        if found.second is not None:
            other, risk = found.second
            yield say[other] % {"n": of_100(risk)}
        yield self._own.sentence["percentile"] % _place(score)

    def _of_bounds(self, score: PartialScore, bounds: str) -> Iterator[str]:
        words = self._cards.words["predictor"]
        names = self._cards.joined("series", (words[name] for name in score.missing))
        yield self._own.sentence["missing"] % {"names": names}
        yield bounds

    def _notes(self, found: Calculation) -> Iterator[str]:
        say, words, own = self._cards.detail, self._cards.words, self._own.sentence
        if found.fault is not None:
            why = words["reason"][found.fault]
            yield own["why"] % {"name": words["predictor"][RATIO], "why": why}
        if found.is_computed:
            ratio = format_number(float(found.inputs[RATIO] or 0))
            yield own["computed"] % {"ratio": ratio}
        before = found.inputs["cobb_preoperative_deg"]
        is_known = isinstance(found.score, Score) and before is not None
        if is_known and abs(float(before or 0)) < SMALL_ANGLE_DEG:
            yield say["small-angle"]
        for name in found.score.extrapolated if found.score else ():
            yield say["extrapolated"] % {"name": words["predictor"][name]}


def _numbers(found: Calculation) -> dict[str, Any]:
    """Give the same keys each time: a number that may not be shown is None."""
    whole = found.score if isinstance(found.score, Score) else None
    part = found.score if isinstance(found.score, PartialScore) else None
    shown, bounded = (None, None) if found.is_relative else (whole, part)
    return {
        "risk": shown and shown.risk,
        "interval": shown and shown.interval,
        "other_readings": shown and shown.other_readings,
        "reading_error": shown and shown.reading_error,
        "bounds": bounded and bounded.bounds,
        "band": found.band and found.band.value,
        "percentile": whole and whole.percentile,
        "percentile_reading_error": whole and whole.percentile_reading_error,
        "percentile_bounds": part and part.percentile_bounds,
        "total_points": whole and whole.total_points,
    }


def _span(found: Calculation) -> tuple[float, float] | None:
    """Give interval or bounds as total points, for the drawing."""
    if isinstance(found.score, PartialScore):
        ends = found.score.bounds
    elif isinstance(found.score, Score) and not found.is_relative:
        ends = found.score.interval
    else:
        return None
    low, high = (
        points_from_linear_predictor(found.model, _log_odds(risk)) for risk in ends
    )
    return low, high


def _log_odds(risk: float) -> float:
    inside = min(1 - _LEAST, max(_LEAST, risk))
    return log(inside / (1 - inside))


def _limits(score: PartialScore, *, is_relative: bool) -> dict[str, int]:
    """Round bounds outwards: they would be none otherwise."""
    low, high = score.percentile_bounds if is_relative else score.bounds
    scale = 1 if is_relative else 100
    return {"low": floor(scale * low), "high": ceil(scale * high)}


def _place(score: Score) -> dict[str, int]:
    """Add up the whole points that are shown, as one does with a pencil."""
    return {
        "points": sum(map(round, score.points.values())),
        "percentile": format_percentile(score.percentile),
    }


def _columns(found: Calculation) -> dict[str, Any]:
    """Write what each input contributes: points, and odds against the average."""
    score = found.score
    if score is None:
        return {"points": {}, "total_points": "", "odds": {}}
    points = {name: str(round(each)) for name, each in score.points.items()}
    odds = {} if found.is_relative else score.contributions
    total = sum(map(int, points.values())) if isinstance(score, Score) else ""
    return {
        "points": points,
        "total_points": str(total),
        "odds": {name: f"× {exp(each):.2f}" for name, each in odds.items()},
    }


def _thresholds(found: Calculation) -> Mapping[str, str]:
    bands = found.policy.bands
    return {
        "high": format_number(100 * bands.high),
        "above_average": format_number(100 * bands.above_average),
        "percentile": format_number(bands.relative_percentile),
    }


def _plain(markdown: str) -> str:
    return plain_text(markdown).strip()
