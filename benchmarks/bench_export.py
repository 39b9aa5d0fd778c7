"""A Bulk Data export of a hospital made into a cohort, in bounded memory.

    python benchmarks/bench_export.py [--resources 1000000] [--memory 512] [--jobs 1]

Makes a folder of NDJSON files with as many resources: laboratory values, vital signs,
diagnoses, procedures and encounters of many patients, and copies of bundled synthetic
patients among them, one in 200. Runs `scnen-cds cohort from-export` on it as a process
of its own that is refused more memory than --limit, and checks that each copy came out
as its original does. Writes benchmarks/result-export.json. The folder is made below
--folder (the system's place for temporary ones if not given) and deleted.
"""

import argparse
import csv
import gzip
import json
import platform
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from service.patients import SyntheticPatient, bundled_patients

RESULT = Path(__file__).with_name("result-export.json")
COMMAND = Path(sys.executable).with_name("scnen-cds")
#: One patient for so many resources, one copy of a synthetic one for so many patients.
PER_PATIENT, PER_COPY = 40, 200
#: So many resources a file; one in so many files is compressed.
PER_FILE, COMPRESSED = 250_000, 5
SHARES = {"Observation": 78, "Condition": 9, "Procedure": 5, "Encounter": 8}
COLUMNS = ("segment", "method", "cement_ratio_percent", "scnen")

LABORATORY = [
    *("718-7", "2160-0", "2345-7", "2951-2", "2823-3", "1742-6", "1920-8", "6690-2"),
    *("777-3", "1988-5", "4548-4", "2093-3", "2085-9", "3016-3", "14804-9", "2532-0"),
]
VITAL = [
    "8867-4",
    "8310-5",
    "8480-6",
    "8462-4",
    "29463-7",
    "8302-2",
    "9279-1",
    "2708-6",
]
DIAGNOSES = [
    "I10",
    "E78.5",
    "E11.9",
    "J18.9",
    "I48.91",
    "N39.0",
    "M54.5",
    "E55.9",
    "K21.9",
]
PROCEDURES = [
    "0SR90JZ",
    "0DTJ4ZZ",
    "BR09ZZZ",
    "4A023N7",
    "5A1D70Z",
    "0FT44ZZ",
    "B2111ZZ",
]
CODING = '"code":{"coding":[{"system":"%s","code":"%s","display":"%s"}],"text":"%s"}'
OBSERVATION = (
    '{"resourceType":"Observation","id":"o%d","meta":{"versionId":"1","lastUpdated":'
    '"2026-05-04T03:02:01.000Z"},"status":"final","category":[{"coding":[{"system":'
    '"http://terminology.hl7.org/CodeSystem/observation-category","code":"%s"}]}],%s,'
    '"subject":{"reference":"Patient/p%d"},"encounter":{"reference":"Encounter/e%d"},'
    '"effectiveDateTime":"2026-03-%02dT%02d:15:00+01:00","issued":'
    '"2026-03-28T10:00:00.000+01:00","performer":[{"display":"Central laboratory"}],'
    '"valueQuantity":{"value":%d.%d,"unit":"u","system":"http://unitsofmeasure.org",'
    '"code":"1"},"referenceRange":[{"low":{"value":1},"high":{"value":9}}]}\n'
)
CONDITION = (
    '{"resourceType":"Condition","id":"c%d","clinicalStatus":{"coding":[{"system":'
    '"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},%s,'
    '"subject":{"reference":"Patient/p%d"},"onsetDateTime":"2019-03-%02d"}\n'
)
PROCEDURE = (
    '{"resourceType":"Procedure","id":"r%d","status":"completed",%s,"subject":'
    '{"reference":"Patient/p%d"},"performedDateTime":"2026-03-%02dT08:00:00+01:00"}\n'
)
ENCOUNTER = (
    '{"resourceType":"Encounter","id":"e%d","status":"finished","class":{"code":"IMP"},'
    '"subject":{"reference":"Patient/p%d"},"period":{"start":"2026-03-%02dT08:00:00+01:00",'
    '"end":"2026-03-29T08:00:00+01:00"}}\n'
)
PATIENT = (
    '{"resourceType":"Patient","id":"p%d","gender":"%s","birthDate":"19%02d-06-15"}\n'
)


def codes(system: str, listed: list[str]) -> list[str]:
    """The elements of what is of no use here."""
    return [
        CODING % (system, code, f"Name of {code}", f"Local {code}") for code in listed
    ]


def line_makers(patients: int, chance: random.Random) -> dict[str, Any]:
    """For each type, what makes one line of it."""
    laboratory = codes("http://loinc.org", LABORATORY)
    vital = codes("http://loinc.org", VITAL)
    diagnoses = codes("http://hl7.org/fhir/sid/icd-10-cm", DIAGNOSES)
    procedures = codes("http://www.cms.gov/Medicare/Coding/ICD10", PROCEDURES)
    draw = chance.random

    def observation(number: int) -> str:
        kind, known = (
            ("laboratory", laboratory) if number % 3 else ("vital-signs", vital)
        )
        said = known[int(draw() * len(known))]
        day, hour = 1 + number % 28, number % 24
        who = int(draw() * patients)
        return OBSERVATION % (number, kind, said, who, number, day, hour, hour, day)

    def condition(number: int) -> str:
        said = diagnoses[int(draw() * len(diagnoses))]
        return CONDITION % (number, said, int(draw() * patients), 1 + number % 28)

    def procedure(number: int) -> str:
        said = procedures[int(draw() * len(procedures))]
        return PROCEDURE % (number, said, int(draw() * patients), 1 + number % 28)

    def encounter(number: int) -> str:
        return ENCOUNTER % (number, int(draw() * patients), 1 + number % 28)

    return {
        "Observation": observation,
        "Condition": condition,
        "Procedure": procedure,
        "Encounter": encounter,
    }


def stories() -> list[SyntheticPatient]:
    """The bundled patients whose resources all carry their number."""
    return [
        p
        for p in bundled_patients()
        if p.fhir_version == "R4" and p.client == "generic"
    ]


def copies(patients: int) -> Iterator[tuple[str, str]]:
    """Type and line of each resource of the copies, under ids of the export."""
    told = stories()
    for number in range(0, patients, PER_COPY):
        story = told[number // PER_COPY % len(told)]
        for entry in story.bundle["entry"]:
            kind = entry["resource"]["resourceType"]
            if kind == "Practitioner":
                continue
            line = json.dumps(entry["resource"], separators=(",", ":"))
            yield kind, line.replace(f"syn-{story.name[:2]}", f"p{number}") + "\n"


class Folder:
    """Write an export as a server does: files of one type, numbered."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, TextIO] = {}
        self.counts: Counter[str] = Counter()
        self.files = 0

    def write(self, kind: str, lines: list[str]) -> None:
        """Add lines of one type, in a new file where one is full."""
        before = self.counts[kind]
        self.counts[kind] += len(lines)
        if not before or before // PER_FILE < self.counts[kind] // PER_FILE:
            self._next(kind)
        self._open[kind].write("".join(lines))

    def close(self) -> None:
        """Close all files."""
        for file in self._open.values():
            file.close()

    def _next(self, kind: str) -> None:
        if kind in self._open:
            self._open[kind].close()
        name = f"{self.counts[kind] // PER_FILE:03}.{kind}.ndjson"
        self.files += 1
        path = self._folder / name
        if self.files % COMPRESSED:
            self._open[kind] = path.open("w")
        else:
            packed = gzip.open(f"{path}.gz", "wb", compresslevel=1)  # noqa: SIM115 see `close`
            self._open[kind] = TextIOWrapper(packed, "utf-8")


def generate(folder: Path, resources: int) -> Folder:
    """Write an export of about so many resources, the copies scattered in it."""
    chance = random.Random(1)  # noqa: S311 the same folder each time, no secret
    patients = max(PER_COPY, resources // PER_PATIENT)
    export = Folder(folder)
    makers = line_makers(patients, chance)
    rest = resources - patients
    kinds = [kind for kind, share in SHARES.items() for _ in range(share)]
    scattered = iter(list(copies(patients)))
    numbers = range(patients)
    for start in range(0, patients, 1000):
        part = numbers[start : start + 1000]
        export.write(
            "Patient",
            [PATIENT % (n, "female", n % 70) for n in part if n % PER_COPY],
        )
    at_once = 1000
    rounds = max(1, rest // at_once)
    own = [*scattered]
    each = -(-len(own) // rounds)
    for number in range(rounds):
        kind = kinds[number * 37 % len(kinds)]
        make = makers[kind]
        first = number * at_once
        export.write(kind, [make(n) for n in range(first, first + at_once)])
        for kind, line in own[number * each : (number + 1) * each]:
            export.write(kind, [line])
    export.close()
    return export


def run(folder: Path, out: Path, how: argparse.Namespace) -> dict[str, Any]:
    """Run the command in a process that may take so much memory and no more."""
    limit = how.limit << 20
    begin = time.perf_counter()
    done = subprocess.run(
        [
            *(COMMAND, "cohort", "from-export", folder, "--out", out, "--json"),
            *("--keep-ids", "--memory", str(how.memory), "--jobs", str(how.jobs)),
            *("--spill", folder.parent),
        ],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": round(time.perf_counter() - begin, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_memory_mb": round(used.ru_maxrss / 1024),
        "account": json.loads(done.stdout),
    }


def rows(out: Path) -> list[tuple[str, ...]]:
    """What the cohort says, without ids."""
    with out.open(newline="") as file:
        return [tuple(row[name] for name in COLUMNS) for row in csv.DictReader(file)]


def check(
    found: list[tuple[str, ...]], originals: list[tuple[str, ...]], n: int
) -> None:
    """Each original must be there as often as it was copied."""
    most, least = Counter(originals), len(stories())
    times = n / least
    for row, count in Counter(found).items():
        if not int(times) * most[row] <= count <= (int(times) + 1) * most[row]:
            raise SystemExit(
                f"{row}: {count} times, {most[row]} of {least} copied {times}"
            )
    if len(found) < int(times) * len(originals):
        raise SystemExit(f"{len(found)} rows; some were lost")


def main() -> None:
    """Measure and write the result."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--resources", type=int, default=1_000_000)
    options.add_argument("--memory", type=int, default=512, help="MB for the sieve")
    options.add_argument("--limit", type=int, default=1024, help="MB for the process")
    options.add_argument("--jobs", type=int, default=1)
    options.add_argument("--folder", type=Path)
    how = options.parse_args()
    with TemporaryDirectory(dir=how.folder) as place:
        small, large = Path(place) / "small", Path(place) / "large"
        for folder in (small, large):
            folder.mkdir()
        generate(small, PER_PATIENT * PER_COPY * len(stories()))
        run(small, Path(place) / "small.csv", how)
        begin = time.perf_counter()
        export = generate(large, how.resources)
        made = time.perf_counter() - begin
        size = sum(file.stat().st_size for file in large.iterdir())
        result = run(large, Path(place) / "large.csv", how)
        found = rows(Path(place) / "large.csv")
        n = -(-max(PER_COPY, how.resources // PER_PATIENT) // PER_COPY)
        check(found, rows(Path(place) / "small.csv"), n)
    total = sum(export.counts.values())
    written = {
        "what": "scnen-cds cohort from-export on a generated export",
        "python": platform.python_version(),
        "resources": total,
        "by_type": dict(sorted(export.counts.items())),
        "files": export.files,
        "size_mb": round(size / 1e6),
        "generated_in_s": round(made, 1),
        "copies": n,
        "rows": len(found),
        "memory_of_the_sieve_mb": how.memory,
        "limit_of_the_process_mb": how.limit,
        "jobs": how.jobs,
        "resources_per_second": round(total / result["seconds"]),
        **result,
    }
    RESULT.write_text(json.dumps(written, indent=2) + "\n")
    print(json.dumps(written, indent=2))


if __name__ == "__main__":
    main()
