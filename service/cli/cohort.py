"""``scnen-cds cohort``: bring patients of one's own in."""

import click

from service.cli.cohort_export import from_export

__all__ = ["cohort"]


@click.group
def cohort() -> None:
    """Bring patients of your own in, to validate the model on them."""


cohort.add_command(from_export)
