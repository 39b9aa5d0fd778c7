"""The nomogram of a model in words: what its page shows and the command line writes."""

from functools import lru_cache

from service.assessment import OutputMode
from service.model.drawing import Words, draw, percentile_axis, risk_axis
from service.model.risk_model import RiskModel
from service.wording import load_words

__all__ = ["draw_model"]


@lru_cache(maxsize=16)
def draw_model(model: RiskModel, mode: OutputMode, language: str = "en") -> str:
    """
    Draw the nomogram of a model.

    Parameters
    ----------
    model : RiskModel
        The model.
    mode : OutputMode
        What kind of number it gives: ``relative`` ends with percentiles and holds no
        probability.
    language : str, default "en"
        Language of the words.

    Returns
    -------
    str
        An SVG element.
    """
    said = load_words("nomogram.j2", language)
    common = load_words("words.j2", language)
    words = Words(
        title=said.drawing["title"],
        points=said.drawing["points"],
        total=said.drawing["total"],
        predictors=common.predictor,
        codes=said.codes,
        captions=[
            said.captions["model"]
            % {
                "id": model.id,
                "version": model.version,
                "mode": common.mode[mode],
                "label": common.remark.get(model.label, model.label),
            },
            _basis(model, said.captions),
            said.captions["limits"],
        ],
    )
    if mode is OutputMode.RELATIVE:
        result = percentile_axis(model, said.drawing["percentile"])
    else:
        result = risk_axis(model, said.drawing["risk"])
    return draw(model, result, words)


def _basis(model: RiskModel, captions: dict[str, str]) -> str:
    local = model.calibration
    if local is None:
        study = model.provenance
        return captions["study"] % {"n": study.n, "events": study.events}
    if local.is_synthetic:
        return captions["synthetic"]
    return captions["calibrated"] % {"n": local.n, "until": local.valid_until}
