"""Which model a command is about: one that ships, by name, or a file."""

from datetime import UTC, datetime
from pathlib import Path

import click

from service.model.artifact import ArtifactError, bundled_models, load_model
from service.model.derivation import MODELS
from service.model.risk_model import RiskModel

__all__ = ["artifact_argument", "chosen_model", "model_option"]

artifact_argument = click.argument(
    "artifact",
    required=False,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
model_option = click.option(
    "--model",
    "model_id",
    type=click.Choice(sorted(MODELS)),
    help="Which of the models that ship.",
)


def chosen_model(artifact: Path | None, model_id: str | None) -> RiskModel:
    """
    Read the model that was named.

    Parameters
    ----------
    artifact : pathlib.Path or None
        A file.
    model_id : str or None
        Name of one that ships; the four-factor one if neither is given.

    Returns
    -------
    RiskModel
        The model.

    Raises
    ------
    click.ClickException
        If both are given, or the file must not be used.
    """
    if artifact and model_id:
        raise click.UsageError("give a file or --model, not both")
    path = artifact or bundled_models()[model_id or "liu-nomogram"]
    try:
        return load_model(path, today=datetime.now(UTC).date())
    except ArtifactError as error:
        raise click.ClickException(str(error)) from error
