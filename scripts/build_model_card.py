"""
Build the numbers and pictures of the model card that say how the models came to be.

Usage: ``python scripts/build_model_card.py [FOLDER]``. Everything comes from
`service.model.derivation`; no random numbers. Run it when an artifact changes.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model_figures import draw

from service.cli.model_report import report
from service.model.artifact import load_bundled
from service.model.derivation import MODELS, derive

__all__ = ["FOLDER", "build", "numbers", "pictures"]

FOLDER = Path(__file__).parents[1] / "service/data/model_card/derivation"

#: Of the report; the rest stands in the artifact.
_KEPT = (
    "cohort",
    "intercepts",
    "shrinkage",
    "nodes",
    "dependence",
    "method_coding",
    "auc",
    "lumbar_among_cases",
    "standard_errors",
)
_DIGITS = 4


def numbers(model_id: str) -> dict[str, Any]:
    """
    Give the numbers of one model's derivation.

    Parameters
    ----------
    model_id : str
        Which model.

    Returns
    -------
    dict
        JSON-ready, rounded, with the digest of the artifact they are about.
    """
    found = report(derive(model_id))
    digest = load_bundled(model_id).digest
    return {
        "model": model_id,
        "digest": digest,
        **{name: _rounded(found[name]) for name in _KEPT},
    }


def pictures(model_id: str, found: Mapping[str, Any]) -> dict[str, str]:
    """
    Draw one model's derivation.

    Parameters
    ----------
    model_id : str
        Which model.
    found : Mapping
        What `numbers` gives.

    Returns
    -------
    dict of str
        SVG by name of the picture.
    """
    return draw(derive(model_id), found)


def build(folder: Path) -> None:
    """
    Write numbers and pictures of every model that ships.

    Parameters
    ----------
    folder : pathlib.Path
        Where to.
    """
    folder.mkdir(exist_ok=True)
    for model_id in MODELS:
        found = numbers(model_id)
        text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
        (folder / f"{model_id}.json").write_text(text, "utf-8")
        for name, svg in pictures(model_id, found).items():
            (folder / f"{model_id}-{name}.svg").write_text(svg, "utf-8")


def _rounded(value: Any) -> Any:  # noqa: ANN401 what JSON holds
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return round(value, _DIGITS) if isinstance(value, float) else value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    build(parser.parse_args().folder)
