"""Write the bundled synthetic patients: patients.yaml -> FHIR transaction Bundles.

Usage: python scripts/build_patients.py [FOLDER], default service/data/patients. Nothing
is random and no clock is read, so the same input always gives the same files.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from patient_codes import (
    DISPLAYS,
    ICD10CM,
    LOINC,
    TABLE,
    TERMINOLOGY,
    coding,
    concept,
    icd10pcs,
    project,
    quantity,
    site,
)
from patient_shapes import SHAPES

__all__ = ["bundle", "main", "read_stories", "written_files"]

Json = dict[str, Any]

ROOT = Path(__file__).parents[1]
BASE = "http://scnen-cds.example.org/fhir"
ZONE = ":00+01:00"

HTEST = {"system": f"{TERMINOLOGY}/v3-ActReason", "code": "HTEST"}
TAG = {"tag": [{**HTEST, "display": "test health data"}]}

SURGEON = {
    "resourceType": "Practitioner",
    "id": "syn-surgeon",
    "meta": TAG,
    "name": [{"family": "Synthetic-Surgeon", "given": ["Sasha"]}],
}
SURGEON_REFERENCE = {"reference": f"Practitioner/{SURGEON['id']}"}

#: Of a story: what is told in words, and how it is fired where that is not as usual.
WORDS = ("name", "title", "story", "expected")
FIRING = ("hook", "client", "fhir_version", "in_encounter", "extension")


def read_stories() -> list[Json]:
    """
    The table of stories.

    Returns
    -------
    list of dict
        The stories in the order of the files.
    """
    stories: list[Json] = TABLE["stories"]
    return stories


def bundle(story: Mapping[str, Any]) -> Json:
    """
    Build the transaction Bundle of one story.

    Parameters
    ----------
    story : mapping
        One story of the table.

    Returns
    -------
    dict
        The Bundle; its `timestamp` is when the hook fires.
    """
    written = _bundle(story)
    return SHAPES[story["shape"]](written) if "shape" in story else written


def _bundle(story: Mapping[str, Any]) -> Json:
    return {
        "resourceType": "Bundle",
        "id": story["name"],
        "meta": TAG,
        "type": "transaction",
        "timestamp": story["fires"] + ZONE,
        "entry": [
            {
                "fullUrl": f"{BASE}/{item['resourceType']}/{item['id']}",
                "resource": item,
                "request": {
                    "method": "PUT",
                    "url": f"{item['resourceType']}/{item['id']}",
                },
            }
            for item in _resources(story)
        ],
    }


def _resources(story: Mapping[str, Any]) -> Iterator[Json]:
    key = "syn-" + story["name"][:2]
    yield _patient(story, key)
    yield SURGEON
    yield _encounter(story, key)
    yield from _numbered(_conditions(story), key, "condition")
    yield from _numbered(_procedures(story, key), key, "procedure")
    yield from _numbered(_observations(story), key, "observation")


def _numbered(items: Iterator[Json], key: str, name: str) -> Iterator[Json]:
    """Give each resource its id, its tag and, unless it is older, its encounter."""
    for number, item in enumerate(items, 1):
        kind, of_this_stay = item.pop("resourceType"), item.pop("_of_this_stay", True)
        stay = {"encounter": {"reference": f"Encounter/{key}-encounter"}}
        yield {
            "resourceType": kind,
            "id": f"{key}-{name}-{number}",
            "meta": TAG,
            **item,
            "subject": {"reference": f"Patient/{key}"},
            **(stay if of_this_stay else {}),
        }


def _patient(story: Mapping[str, Any], key: str) -> Json:
    gender, born, family, given = story["patient"]
    return {
        "resourceType": "Patient",
        "id": key,
        "meta": TAG,
        "identifier": [{"system": f"{BASE}/sid/synthetic", "value": key.upper()}],
        "active": True,
        "name": [
            {"use": "official", "family": f"Synthetic-{family}", "given": [given]}
        ],
        "gender": gender,
        "birthDate": born,
    }


def _encounter(story: Mapping[str, Any], key: str) -> Json:
    code = story.get("class", "IMP")
    display = {"IMP": "inpatient encounter", "AMB": "ambulatory"}[code]
    diagnoses = range(1, len(story["conditions"]) + 1)
    end = {"end": story["discharged"] + ZONE} if "discharged" in story else {}
    return {
        "resourceType": "Encounter",
        "id": f"{key}-encounter",
        "meta": TAG,
        "status": "finished" if end else "in-progress",
        "class": coding(f"{TERMINOLOGY}/v3-ActCode", code, display),
        "subject": {"reference": f"Patient/{key}"},
        "participant": [{"individual": SURGEON_REFERENCE}],
        "period": {"start": story["admitted"] + ZONE, **end},
        "diagnosis": [
            {"condition": {"reference": f"Condition/{key}-condition-{n}"}, "rank": n}
            for n in diagnoses
        ],
    }


def _conditions(story: Mapping[str, Any]) -> Iterator[Json]:
    for code in story["conditions"]:
        yield _condition(code, "encounter-diagnosis", story["injury"])
    older = [(code, str(year)) for year, code in enumerate(story["history"], 2018)]
    for code, onset in [*story.get("problems", []), *older]:
        old = _condition(code, "problem-list-item", onset)
        yield {**old, "_of_this_stay": False}


def _condition(code: str, category: str, onset: str) -> Json:
    active = coding(f"{TERMINOLOGY}/condition-clinical", "active")
    sure = coding(f"{TERMINOLOGY}/condition-ver-status", "confirmed")
    return {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [active]},
        "verificationStatus": {"coding": [sure]},
        "category": [concept(f"{TERMINOLOGY}/condition-category", category)],
        "code": {"coding": [coding(ICD10CM, code, DISPLAYS["icd10cm"][code])]},
        "onsetDateTime": onset,
    }


def _procedures(story: Mapping[str, Any], key: str) -> Iterator[Json]:
    for operation in story["operations"]:
        begin, end = operation["at"], operation.get("until")
        done = _procedure(
            operation["code"],
            {"performedPeriod": {"start": begin + ZONE, "end": end + ZONE}}
            if end
            else {"performedDateTime": begin + ZONE},
            operation.get("level"),
        )
        if reason := operation.get("reason"):
            named = f"Condition/{key}-condition-{reason}"
            done["reasonReference"] = [{"reference": named}]
        yield done
    for code, time in _after(story, "procedures"):
        later = _procedure(code, {"performedDateTime": time + ZONE})
        yield {**later, "_of_this_stay": False}
    yield _procedure("BR09ZZZ", {"performedDateTime": story["admitted"] + ZONE})
    if "H25.9" in story["history"]:
        eye = _procedure("08RJ3JZ", {"performedDateTime": "2022-05-17"})
        yield {**eye, "_of_this_stay": False}


def _procedure(code: str, performed: Json, level: str | None = None) -> Json:
    return {
        "resourceType": "Procedure",
        "status": "completed",
        "code": project(code) if code in DISPLAYS["project"] else icd10pcs(code),
        **performed,
        "performer": [{"actor": SURGEON_REFERENCE}],
        **({"bodySite": [site(level)]} if level else {}),
    }


def _observations(story: Mapping[str, Any]) -> Iterator[Json]:
    if "panel" in story:
        yield _panel(story)
    else:
        for code, value, unit, time, *more in story["measurements"]:
            extra: Json = more[0] if more else {}
            level = extra.get("level", story.get("level"))
            status = extra.get("status", "final")
            yield {
                **_observation(project(code), time, status),
                "valueQuantity": quantity(value, unit),
                **({"bodySite": site(level)} if level else {}),
            }
    for code, value, time in _after(story, "findings"):
        yield {**_finding(code, value, time), "_of_this_stay": False}
    for code, display, category, value, unit in TABLE["routine"]:
        named = {"coding": [coding(LOINC, code, display)]}
        found = _observation(named, story["admitted"], category=category)
        yield {**found, "valueQuantity": quantity(value, unit)}


def _after(story: Mapping[str, Any], kind: str) -> list[Any]:
    """List what was done or found at visits after the stay."""
    found: list[Any] = story.get("after", {}).get(kind, [])
    return found


def _finding(code: str, value: bool | str | float, time: str) -> Json:  # noqa: FBT001 a value
    seen = _observation(project(code), time, category="exam")
    if isinstance(value, bool):
        said: Json = {"valueBoolean": value}
    elif isinstance(value, str):
        said = {"valueCodeableConcept": project(value)}
    else:
        said = {"valueQuantity": quantity(value, "%")}
    return {**seen, "performer": [SURGEON_REFERENCE], **said}


def _panel(story: Mapping[str, Any]) -> Json:
    return {
        **_observation(project("predictor-panel"), story["panel"]),
        "bodySite": site(story["level"]),
        "component": [
            {
                "code": project(code),
                "valueQuantity": quantity(value, unit),
            }
            for code, value, unit, _ in story["measurements"]
        ],
    }


def _observation(
    code: Json, time: str, status: str = "final", category: str = "imaging"
) -> Json:
    return {
        "resourceType": "Observation",
        "status": status,
        "category": [concept(f"{TERMINOLOGY}/observation-category", category)],
        "code": code,
        "effectiveDateTime": time + ZONE,
        "performer": [{"display": "Synthetic Radiology and Laboratory"}],
    }


def written_files(stories: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """
    Make all files of the folder.

    Parameters
    ----------
    stories : sequence of mapping
        The table of stories.

    Returns
    -------
    dict of str to str
        Text by file name.
    """
    files = {f"{story['name']}.json": _text(bundle(story)) for story in stories}
    told = (*WORDS, *FIRING)
    told_stories = [{key: s[key] for key in told if key in s} for s in stories]
    files["stories.json"] = _text(told_stories)
    files["README.md"] = _readme(stories)
    return files


def _text(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _readme(stories: Sequence[Mapping[str, Any]]) -> str:
    head = Path(__file__).with_name("patients_readme.md").read_text("utf-8")
    rows = [
        f"| `{story['name']}` | **{story['title']}.** {story['story']}"
        f" | {_fired(story)} | {story['expected']} |"
        for story in stories
    ]
    return head + "\n".join(rows) + "\n"


def _fired(story: Mapping[str, Any]) -> str:
    """Say which hook fires, and what is unusual about it."""
    said = [f"`{story.get('hook', 'encounter-discharge')}`"]
    said += [f"`{value}`" for value in story.get("extension", {}).values()]
    said += [story[name] for name in ("client", "fhir_version") if name in story]
    if not story.get("in_encounter", True):
        said.append("no encounter")
    return ", ".join(said)


def main(folder: Path = ROOT / "service/data/patients") -> None:
    """
    Write all files.

    Parameters
    ----------
    folder : pathlib.Path, optional
        Where to; it is made if need be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in written_files(read_stories()).items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
