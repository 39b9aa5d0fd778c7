"""``scnen-cds fhir``: the knowledge artifacts as files."""

from pathlib import Path

import click

from service.config import Settings
from service.knowledge.collection import collect
from service.knowledge.package import write_folder, write_package
from service.parts import build_parts
from service.switch import SwitchedOffError, is_off

__all__ = ["fhir"]


@click.group
def fhir() -> None:
    """Hand the knowledge artifacts to a terminology server or a repository.

    They are what a running service gives at /fhir: code systems, value sets, concept
    maps, the models, the plan and its activities. docs/knowledge-artifacts.md.
    """


@fhir.command()
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER|FILE.tgz",
    help="A folder, with a file for each; or a FHIR package, by its ending.",
)
def export(out: Path) -> None:  # numpydoc ignore=PR01
    """
    Write all artifacts, valid FHIR R4.

    SCNEN_* settings apply: model, policy, output mode, and the address of the publisher
    (SCNEN_CANONICAL_BASE), which stands in every artifact. A site's own ConceptMaps are
    not written: they may hold licensed codes.

    \b
    Examples:
      scnen-cds fhir export --out artifacts/
      scnen-cds fhir export --out scnen-cds.tgz
    """  # noqa: D301 click keeps the lines below \\b as they are
    settings = Settings.from_env(is_open=True)
    parts = build_parts(settings)
    if is_off(parts.switch.order()):
        raise click.ClickException(SwitchedOffError.description)
    resources = collect(parts, settings, parts.advice.mode_now())
    try:
        if out.suffix == ".tgz":
            number = write_package(resources, out, settings.canonical_base)
        else:
            number = write_folder(resources, out)
    except OSError as error:
        raise click.ClickException(
            f"--out: {out} cannot be written: {error.strerror}"
        ) from error
    click.echo(f"{out}: {number} artifacts, below {settings.canonical_base}")
