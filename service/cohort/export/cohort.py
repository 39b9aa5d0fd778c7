"""From a Bulk Data export to a cohort, in bounded memory, and the account of it."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from service.cohort.export.account import Account, Ledger
from service.cohort.export.discharges import DischargeReader
from service.cohort.export.lines import ExportError, Limits, Line, Sieve, export_files
from service.cohort.export.outcomes import Outcome
from service.cohort.export.workers import Patients, assess_all
from service.cohort.patients import PatientCohort, Refusal, Source
from service.fhir.references import home_of

__all__ = ["Plan", "read_export"]

#: A piece of work: so many patients, or fewer if they have more lines than that.
_PATIENTS: Final = 64
_LINES: Final = 2_000
#: Of a file so many broken lines are listed; the others are counted.
_LISTED: Final = 1_000
_BROKEN: Final = "is no FHIR resource in JSON; export the file again or mend the line"


def _nobody(_: int) -> None:
    """Take no notice."""


@dataclass(frozen=True, slots=True)
class Plan:
    """
    How an export is read.

    Attributes
    ----------
    name_of : callable
        Gives the id that a patient has in the cohort.
    outcomes : Mapping of str to Outcome or None, optional
        Outcomes by id of the Patient; None if the reader judges them.
    limits : Limits, optional
        Memory and threads.
    jobs : int, optional
        Processes.
    scheduler : str or None, optional
        Address of a Dask scheduler.
    spill : pathlib.Path or None, optional
        Where the temporary folder is made; the system's place for them if not given.
    on_bytes, on_patients : callable, optional
        Learn of progress: bytes of files that were read, patients that were assessed.
    """

    name_of: Callable[[str], str]
    outcomes: Mapping[str, Outcome] | None = None
    limits: Limits = field(default_factory=Limits)
    jobs: int = 1
    scheduler: str | None = None
    spill: Path | None = None
    on_bytes: Callable[[int], None] = _nobody
    on_patients: Callable[[int], None] = _nobody


def read_export(
    folder: Path, reader: DischargeReader, plan: Plan
) -> tuple[PatientCohort, Account]:
    """
    Read an export that may be larger than memory.

    Parameters
    ----------
    folder : pathlib.Path
        Holds NDJSON files, compressed by gzip or not, of any names.
    reader : DischargeReader
        Reads patients. If it knows no address of the exporting server, all subjects
        must name one, or none.
    plan : Plan
        How it is read.

    Returns
    -------
    cohort : PatientCohort
        One row for each patient with an assessed operation, in the order of their ids.
    account : Account
        What was left out, in numbers.

    Raises
    ------
    ExportError
        If a file cannot be read, or subjects name several servers.
    """
    files = export_files(folder)
    ledger = Ledger(plan.name_of, plan.outcomes)
    with (
        TemporaryDirectory(prefix="scnen-export-", dir=plan.spill) as spill,
        Sieve(Path(spill), reader.assessor.terminology, plan.limits) as sieve,
    ):
        for file in sieve.read(files):
            plan.on_bytes(file.stat().st_size)
        known = replace(reader, bases=reader.bases or _home(sieve.bases()))
        pieces = assess_all(
            known, _pieces(sieve), jobs=plan.jobs, scheduler=plan.scheduler
        )
        for piece in pieces:
            for patient in piece:
                ledger.take(patient)
            plan.on_patients(len(piece))
        broken = [*sieve.broken(), *ledger.broken]
        source = Source("export", folder.resolve().name, _digest(folder, files))
        cohort = ledger.cohort(source, _refused_lines(folder, sieve, broken))
        account = ledger.account(
            files=len(files),
            resources=sieve.counts,
            relevant=sieve.kept,
            unreadable_lines=len(broken),
            without_patient=sieve.strays(),
        )
    return cohort, account


def _home(bases: Collection[str]) -> tuple[str, ...]:
    """Tell which server the export is from, if subjects name it."""
    homes = {home_of((), base) for base in bases}
    if len(homes) > 1:
        raise ExportError(
            f"subjects name several FHIR servers ({', '.join(sorted(homes))}); tell"
            " which of them are the exporting one with --fhir-base"
        )
    return tuple(homes)


def _pieces(sieve: Sieve) -> Iterator[Patients]:
    piece: list[tuple[str, list[Line]]] = []
    lines = 0
    for patient_id, own in sieve.patients():
        piece.append((patient_id, own))
        lines += len(own)
        if len(piece) == _PATIENTS or lines >= _LINES:
            yield piece
            piece, lines = [], 0
    if piece:
        yield piece


def _refused_lines(
    folder: Path, sieve: Sieve, broken: Collection[tuple[int, int]]
) -> Iterator[Refusal]:
    """List broken lines, up to so many of each file."""
    for _, group in groupby(sorted(set(broken)), key=itemgetter(0)):
        lines = list(group)
        for file, number in sieve.places(lines[:_LISTED]):
            name = file.relative_to(folder).as_posix()
            yield Refusal(number, "", name, _BROKEN)
        if len(lines) > _LISTED:
            more = f"and {len(lines) - _LISTED} more lines; each {_BROKEN}"
            yield Refusal(0, "", name, more)


def _digest(folder: Path, files: Collection[Path]) -> str:
    """Hash names and contents: the same folder is the same source."""
    whole = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            own = hashlib.file_digest(content, "sha256").hexdigest()
        whole.update(f"{own}  {file.relative_to(folder).as_posix()}\n".encode())
    return whole.hexdigest()
