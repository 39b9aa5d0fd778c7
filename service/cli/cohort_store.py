"""``scnen-cds cohort from-store``: decisions and their outcomes become a cohort."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from service.cli.cohort_output import save_cohort, save_refused, tell
from service.cli.store_period import selecting, selection_of
from service.cli.store_place import open_place
from service.cohort.decided import cohort_of
from service.store.cohort import Followed, followed

__all__ = ["from_store"]

_new_file = click.Path(path_type=Path, dir_okay=False, writable=True)


@click.command("from-store")
@click.option("--out", type=_new_file, required=True, help="The CSV file to write.")
@click.option(
    "--refused",
    "target",
    type=_new_file,
    help="Where refused operations go, with the reason; OUT.refused.csv without it.",
)
@selecting("everything")
def from_store(
    *,
    out: Path,
    target: Path | None,
    **which: Any,  # noqa: ANN401 the options of `selecting`
) -> None:  # numpydoc ignore=PR01
    """
    Make a table of the store's decisions and the outcomes recorded for them.

    A row for each operation. Its outcome is the one recorded last; its predictors are
    those of the last decision that knew most, up to the day of the examination. Who was
    not examined has no outcome; whose follow-up is not over is listed as refused, and
    so are test patients among real ones.

    Run it with the environment of the service. The table is about patients: keep it as
    you keep the store.

    \b
    Example:
      scnen-cds cohort from-store --since 2026-01-01 --out cohort.csv
    """  # noqa: D301 click keeps the lines below \\b as they are
    selection = selection_of(**which, days=None)
    with open_place() as place:
        zone = ZoneInfo(place.settings.time_zone)
        stored = followed(place.database, selection, zone)
        horizon = place.policy().follow_up.horizon_days
    found = cohort_of(
        stored.decided,
        today=datetime.now(zone).date(),
        horizon_days=horizon,
        name="decisions of the store",
    )
    found = replace(found, warnings=(*found.warnings, *_notes(stored)))
    save_cohort(found, out)
    tell(found)
    save_refused(found, target, out)


def _notes(stored: Followed) -> list[str]:
    """Say what of the store is not in the cohort, or may be there twice."""
    notes = []
    if stored.without_operation:
        notes.append(
            f"{stored.without_operation} decisions found no operation that the model is"
            " for, or were refused; they are in no count here"
        )
    if stored.keys > 1:
        notes.append(
            f"patients are hashed under {stored.keys} keys; who was asked about under"
            " several stands here several times"
        )
    return notes
