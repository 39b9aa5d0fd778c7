"""Pieces of work on one process, on several, or on a Dask cluster: same results."""

import copyreg
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from types import MappingProxyType
from typing import Any, TypeAlias

from service.cohort.export.discharges import Discharge, DischargeReader, discharges
from service.cohort.export.lines import ExportError, Line

__all__ = ["Patients", "assess_all"]

Patients: TypeAlias = Sequence[tuple[str, Sequence[Line]]]
_Submit: TypeAlias = Callable[[Patients], Any]

#: For each worker so many pieces wait, so that none has to; and no more, for memory.
_WAITING = 4


def _unchangeable(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(values)


# The reader goes to other processes; its model holds mappings that nobody can change.
copyreg.pickle(MappingProxyType, lambda proxy: (_unchangeable, (dict(proxy),)))


def assess_all(
    reader: DischargeReader,
    pieces: Iterable[Patients],
    *,
    jobs: int = 1,
    scheduler: str | None = None,
) -> Iterator[list[Discharge]]:
    """
    Read patients, piece by piece.

    Parameters
    ----------
    reader : DischargeReader
        Reads them.
    pieces : iterable of sequence
        Some patients each, with their lines. They are taken as they are needed.
    jobs : int, optional
        Processes of this machine.
    scheduler : str or None, optional
        Address of a Dask scheduler, whose workers are used instead.

    Yields
    ------
    list of Discharge
        One for each piece, in their order, whoever did the work.

    Raises
    ------
    ExportError
        If the scheduler cannot be reached.
    """
    if scheduler is not None:
        yield from _on_cluster(reader, pieces, scheduler)
    elif jobs > 1:
        yield from _on_processes(reader, pieces, jobs)
    else:
        yield from (discharges(reader, piece) for piece in pieces)


def _in_order(
    submit: _Submit, pieces: Iterable[Patients], ahead: int
) -> Iterator[list[Discharge]]:
    waiting: deque[Any] = deque()
    for piece in pieces:
        waiting.append(submit(piece))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _on_processes(
    reader: DischargeReader, pieces: Iterable[Patients], jobs: int
) -> Iterator[list[Discharge]]:
    # Not forked: the threads of the sieve hold locks that a copy would never see freed.
    with ProcessPoolExecutor(
        jobs, get_context("spawn"), initializer=_hold, initargs=(reader,)
    ) as pool:
        yield from _in_order(
            lambda piece: pool.submit(_by_held, piece), pieces, _WAITING * jobs
        )


#: In a process of the pool: the reader that it was started with.
_HELD: list[DischargeReader] = []


def _hold(reader: DischargeReader) -> None:
    _HELD.append(reader)


def _by_held(piece: Patients) -> list[Discharge]:
    return discharges(_HELD[0], piece)


def _on_cluster(
    reader: DischargeReader, pieces: Iterable[Patients], scheduler: str
) -> Iterator[list[Discharge]]:
    from distributed import Client  # noqa: PLC0415 the extra [cluster], if it is asked for

    connect: Any = Client  # it has no types
    try:
        client = connect(scheduler, set_as_default=False, timeout="10s")
    except (OSError, ValueError) as error:
        raise ExportError(
            f"{scheduler}: no Dask scheduler answers there; give its address, such as"
            " tcp://host:8786"
        ) from error
    with client:
        workers = max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
        held = client.scatter(reader, broadcast=True)
        yield from _in_order(
            lambda piece: client.submit(discharges, held, piece, pure=False),
            pieces,
            _WAITING * workers,
        )
