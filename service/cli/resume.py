"""``scnen-cds resume``: take back ``scnen-cds stop``."""

from pathlib import Path

import click

from service.cli.stop import choose_file, file_option

__all__ = ["resume"]


@click.command
@file_option
def resume(*, file: Path | None) -> None:  # numpydoc ignore=PR01
    """
    Switch the advice on again: remove the stop file.

    \b
    Example:
      scnen-cds resume
    """  # noqa: D301 click keeps the lines below \\b as they are
    chosen = choose_file(file)
    try:
        chosen.unlink()
    except FileNotFoundError:
        click.echo(f"{chosen}: not there, nothing is switched off.")
        return
    except OSError as error:
        raise click.ClickException(
            f"{chosen}: cannot be removed: {error.strerror}. It is still switched off."
        ) from error
    click.echo(f"{chosen}: removed. The service follows within a second.")
