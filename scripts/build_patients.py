"""Write the bundled synthetic patients: patients.yaml -> FHIR R4 transaction Bundles.

Usage: python scripts/build_patients.py [FOLDER], default service/data/patients. Nothing
is random and no clock is read, so the same input always gives the same files.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

__all__ = ["bundle", "main", "read_stories", "written_files"]

Json = dict[str, Any]

ROOT = Path(__file__).parents[1]
TABLE: Json = yaml.safe_load(
    Path(__file__).with_name("patients.yaml").read_text("utf-8")
)
DISPLAYS: Json = TABLE["displays"]
BASE = "http://scnen-cds.example.org/fhir"
ZONE = ":00+01:00"

PROJECT = f"{BASE}/CodeSystem/predictors"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD10PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"

HTEST = {"system": f"{TERMINOLOGY}/v3-ActReason", "code": "HTEST"}
TAG = {"tag": [{**HTEST, "display": "test health data"}]}

SURGEON = {
    "resourceType": "Practitioner",
    "id": "syn-surgeon",
    "meta": TAG,
    "name": [{"family": "Synthetic-Surgeon", "given": ["Sasha"]}],
}


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
    yield from _numbered(_procedures(story), key, "procedure")
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
    return {
        "resourceType": "Encounter",
        "id": f"{key}-encounter",
        "meta": TAG,
        "status": "in-progress",
        "class": _coding(f"{TERMINOLOGY}/v3-ActCode", code, display),
        "subject": {"reference": f"Patient/{key}"},
        "participant": [{"individual": {"reference": "Practitioner/syn-surgeon"}}],
        "period": {"start": story["admitted"] + ZONE},
        "diagnosis": [
            {"condition": {"reference": f"Condition/{key}-condition-{n}"}, "rank": n}
            for n in diagnoses
        ],
    }


def _conditions(story: Mapping[str, Any]) -> Iterator[Json]:
    for code in story["conditions"]:
        yield _condition(code, "encounter-diagnosis", story["injury"])
    for year, code in enumerate(story["history"], 2018):
        old = _condition(code, "problem-list-item", str(year))
        yield {**old, "_of_this_stay": False}


def _condition(code: str, category: str, onset: str) -> Json:
    active = _coding(f"{TERMINOLOGY}/condition-clinical", "active")
    sure = _coding(f"{TERMINOLOGY}/condition-ver-status", "confirmed")
    return {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [active]},
        "verificationStatus": {"coding": [sure]},
        "category": [_concept(f"{TERMINOLOGY}/condition-category", category)],
        "code": {"coding": [_coding(ICD10CM, code, DISPLAYS["icd10cm"][code])]},
        "onsetDateTime": onset,
    }


def _procedures(story: Mapping[str, Any]) -> Iterator[Json]:
    for operation in story["operations"]:
        begin, end = operation["at"], operation.get("until")
        yield _procedure(
            operation["code"],
            {"performedPeriod": {"start": begin + ZONE, "end": end + ZONE}}
            if end
            else {"performedDateTime": begin + ZONE},
            operation.get("level"),
        )
    yield _procedure("BR09ZZZ", {"performedDateTime": story["admitted"] + ZONE})
    if "H25.9" in story["history"]:
        eye = _procedure("08RJ3JZ", {"performedDateTime": "2022-05-17"})
        yield {**eye, "_of_this_stay": False}


def _procedure(code: str, performed: Json, level: str | None = None) -> Json:
    return {
        "resourceType": "Procedure",
        "status": "completed",
        "code": _project(code) if code in DISPLAYS["project"] else _pcs(code),
        **performed,
        "performer": [{"actor": {"reference": "Practitioner/syn-surgeon"}}],
        **({"bodySite": [_site(level)]} if level else {}),
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
                **_observation(_project(code), time, status),
                "valueQuantity": _quantity(value, unit),
                **({"bodySite": _site(level)} if level else {}),
            }
    for code, display, category, value, unit in TABLE["routine"]:
        concept = {"coding": [_coding(LOINC, code, display)]}
        found = _observation(concept, story["admitted"], category=category)
        yield {**found, "valueQuantity": _quantity(value, unit)}


def _panel(story: Mapping[str, Any]) -> Json:
    concept = _project("predictor-panel")
    return {
        **_observation(concept, story["panel"]),
        "bodySite": _site(story["level"]),
        "component": [
            {
                "code": _project(code),
                "valueQuantity": _quantity(value, unit),
            }
            for code, value, unit, _ in story["measurements"]
        ],
    }


def _observation(
    concept: Json, time: str, status: str = "final", category: str = "imaging"
) -> Json:
    return {
        "resourceType": "Observation",
        "status": status,
        "category": [_concept(f"{TERMINOLOGY}/observation-category", category)],
        "code": concept,
        "effectiveDateTime": time + ZONE,
        "performer": [{"display": "Synthetic Radiology and Laboratory"}],
    }


def _quantity(value: float, unit: str) -> Json:
    shown = {"deg": "°", "1": ""}.get(unit, unit)
    named = {"unit": shown} if shown else {}
    return {"value": value, **named, "system": UCUM, "code": unit}


def _project(code: str) -> Json:
    return _concept(PROJECT, code, DISPLAYS["project"][code])


def _pcs(code: str) -> Json:
    return _concept(ICD10PCS, code, DISPLAYS["icd10pcs"][code])


def _site(level: str) -> Json:
    return _concept(SNOMED, *DISPLAYS["sites"][level])


def _concept(system: str, code: str, display: str | None = None) -> Json:
    text = {"text": display} if display else {}
    return {"coding": [_coding(system, code, display)], **text}


def _coding(system: str, code: str, display: str | None = None) -> Json:
    named = {"display": display} if display else {}
    return {"system": system, "code": code, **named}


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
    told = ("name", "title", "story", "expected")
    told_stories = [{key: story[key] for key in told} for story in stories]
    files["stories.json"] = _text(told_stories)
    files["README.md"] = _readme(stories)
    return files


def _text(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _readme(stories: Sequence[Mapping[str, Any]]) -> str:
    head = Path(__file__).with_name("patients_readme.md").read_text("utf-8")
    rows = [
        f"| `{story['name']}` | **{story['title']}.** {story['story']}"
        f" | {story['expected']} |"
        for story in stories
    ]
    return head + "\n".join(rows) + "\n"


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
