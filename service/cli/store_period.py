"""Which decisions of the store a command looks at: the options that say so."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from service.store.monitoring import Selection

__all__ = ["selecting", "selection_of"]

_Command = Callable[..., Any]


def selecting(default: str) -> Callable[[_Command], _Command]:
    """
    Add the options that say which decisions.

    Parameters
    ----------
    default : str
        What is looked at without ``--since``, in words.

    Returns
    -------
    callable
        Decorates a command, which hands the options on to `selection_of`.
    """
    day = click.DateTime(["%Y-%m-%d"])

    def decorate(command: _Command) -> _Command:
        for option in (
            click.option("--tenant", help="Only this tenant's calls."),
            click.option("--client", help="Only this client's calls."),
            click.option("--until", type=day, help="Last day (UTC). [default: today]"),
            click.option("--since", type=day, help=f"First day. [default: {default}]"),
        ):
            command = option(command)
        return command

    return decorate


def selection_of(
    *,
    since: datetime | None,
    until: datetime | None,
    client: str | None,
    tenant: str | None,
    days: int | None,
) -> Selection:
    """
    Take whole days of UTC; the last one is part of the period.

    Parameters
    ----------
    since, until : datetime.datetime or None
        First and last day.
    client, tenant : str or None
        Only theirs.
    days : int or None
        How long the period is without `since`; None for everything there is.

    Returns
    -------
    Selection
        Which decisions.

    Raises
    ------
    UsageError
        If the period is empty.
    """
    now = datetime.now(UTC)
    end = until.replace(tzinfo=UTC) + timedelta(days=1) if until else now
    begin = datetime.min.replace(tzinfo=UTC)
    if days is not None:
        begin = end - timedelta(days=days)
    if since:
        begin = since.replace(tzinfo=UTC)
    if begin >= end:
        raise click.UsageError("--since: must not lie after --until or in the future")
    return Selection(begin, end, client, tenant)
