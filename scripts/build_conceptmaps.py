"""
Build the ConceptMaps that ship with the service from the rows of the code survey.

Usage: ``python scripts/build_conceptmaps.py [ROWS] [--trim FULL_SURVEY]``. ``ROWS`` is
``scripts/conceptmap_rows.json``, which is kept; ``--trim`` writes it anew from a full
survey: verified and shippable rows only, never CPT, never a code known to be wrong.
"""

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["concept_maps", "render", "trim"]

ROOT = Path(__file__).parents[1]
ROWS = Path(__file__).with_name("conceptmap_rows.json")
FOLDER = ROOT / "service/data/conceptmaps"
BASE = "http://scnen-cds.example.org/fhir"
PREDICTORS = f"{BASE}/CodeSystem/predictors"
SPELLINGS = f"{BASE}/CodeSystem/unit-spellings"
PROPERTY = f"{BASE}/mapping-property"

CPT = "http://www.ama-assn.org/go/cpt"
OPS = "http://fhir.de/CodeSystem/bfarm/ops"

#: concept of the survey -> (file, code of the project). What is not here has no rule:
#: fusion, dynamic stabilisation, other and removed implants are no method of the model;
#: generic fixation codes need a clinician's word; films and angles of unnamed planes
#: are other quantities; approach codes are too weak a witness of the segment.
TARGETS = {
    "procedure.pvp": ("procedures", "pvp"),
    "procedure.pkp": ("procedures", "pkp"),
    "procedure.pedicle_screw": ("procedures", "pedicle-screw-fixation"),
    "condition.fracture": ("conditions", "vertebral-fracture"),
    "condition.review_pathological": ("conditions", "pathological-fracture"),
    "followup.nerve_block": ("follow-up", "nerve-block"),
    "exclusion.tuberculosis": ("exclusions", "spinal-tuberculosis"),
    "exclusion.tumour": ("exclusions", "tumour-fracture"),
    "exclusion.infection": ("exclusions", "spinal-infection"),
    "segment.thoracic": ("body-sites", "thoracic"),
    "segment.lumbar": ("body-sites", "lumbar"),
    "segment.ambiguous": ("body-sites", "thoracolumbar"),
    "segment.unspecified": ("body-sites", "spine"),
    "unit.deg": ("units", "degree"),
    "unit.rad": ("units", "radian"),
    "unit.percent": ("units", "percent"),
    "unit.one": ("units", "fraction"),
    "unit.alias.deg": ("units", "degree"),
    "unit.alias.rad": ("units", "radian"),
    "unit.alias.%": ("units", "percent"),
    "unit.spelled.fraction": ("units", "fraction"),
    "unit.spelled.other": ("units", None),
    "observation.cobb": ("observations", None),
    **{
        f"level.{level}": ("body-sites", level)
        for level in [*(f"T{n}" for n in range(1, 13)), *(f"L{n}" for n in range(1, 6))]
    },
}

#: Spellings that the survey does not list, by concept: other words for a unit that is
#: known, and units of other quantities, which contradict any code of ours.
SPELT = {
    "unit.spelled.fraction": ("fraction", "ratio", "proportion"),
    "unit.spelled.other": (
        *("arc minute", "arc minutes", "arcminute", "arcminutes", "arcmin", "\u2032"),
        *("arc second", "arc seconds", "arcsecond", "arcseconds", "arcsec", "\u2033"),
        *("'", "''", '"', "gon", "grad", "mm", "mm2", "mm^2", "mm²", "mm3", "mm³"),
        *("cm", "cm2", "cm^2", "cm²", "cm3", "cm³", "ml", "cc", "permille", "‰"),
    ),
}

#: Why a code has no meaning here, by concept.
UNMATCHED = {
    "observation.cobb": "No plane, level or time, maybe a scoliosis angle: it serves"
    " only where a site maps it.",
    "unit.spelled.other": "Neither degrees nor a ratio.",
}

#: A survey row that names a segment under this concept is an approach, not a site.
APPROACH_SYSTEMS = frozenset({OPS})

#: Licences under which words may be repeated; other rows ship bare codes.
DISPLAY_LICENCES = ("US public domain", "SNOMED IPS free set", "UCUM licence")

SEGMENTS = {"thoracic": "thoracic", "lumbar": "lumbar", "ambiguous": "thoracolumbar"}

TITLES = {
    "procedures": "Procedure codes to the methods of the model",
    "body-sites": "Body sites to vertebral levels and segments",
    "conditions": "Diagnoses to vertebral fractures",
    "follow-up": "Procedure codes of the follow-up",
    "exclusions": "Diagnoses that lie outside what was studied",
    "observations": "Observation codes to the quantities of the model",
    "units": "Units and their spellings",
}

#: Of the maps: count the version up, and set the date, when a row changes.
VERSION, DATE = "1", "2026-11-30"

DESCRIPTION = (
    "{title}. `dependsOn` says what must be true beside the code, `product` what"
    " follows from it: a mapping is not to be used without them. A hospital adds or"
    " replaces mappings by maps of its own, which are not published here."
)
PURPOSE = "To show, and to let others review, which codes are understood, and as what."

COPYRIGHT = (
    "ICD-10-CM, ICD-10-PCS and ICD-9-CM: public domain (CMS, NCHS). SNOMED CT: displays"
    " only from the International Patient Summary free set, CC BY 4.0, SNOMED"
    " International; other identifiers bare. ICD-10 and ICD-11: bare codes, WHO. OPS:"
    " bare codes, source BfArM. RadLex: RSNA. UCUM: Regenstrief Institute."
)

_ROW_FIELDS = (
    "system",
    "code",
    "display",
    "concept",
    "segment",
    "level_candidates",
    "match",
    "inferred",
    "weak",
    "seventh",
    "requires",
)


def trim(survey: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """
    Keep the rows and fields of a survey that the shipped maps are made of.

    Parameters
    ----------
    survey : iterable of mapping
        Rows with system, code, concept, ``verified``, ``ship`` and more.

    Returns
    -------
    list of dict
        Rows that are verified, may be shipped and have a rule, without empty fields.
    """
    rows = [dict(row) for row in survey if _is_wanted(row)]
    _complete_combinations(rows)
    return [{f: row[f] for f in _ROW_FIELDS if row.get(f)} for row in map(_tidy, rows)]


def _is_wanted(row: Mapping[str, Any]) -> bool:
    if not (row["verified"] and row["ship"] and row["concept"] in TARGETS):
        return False
    is_approach = row["concept"].startswith("segment.") and (
        row["system"] in APPROACH_SYSTEMS
    )
    return row["system"] != CPT and not is_approach


def _complete_combinations(rows: Sequence[dict[str, Any]]) -> None:
    """A Reposition makes kyphoplasty of every Supplement whose rule names it."""
    for row in rows:
        if row.get("requires"):
            row["requires"] = sorted(
                other["code"]
                for other in rows
                if other["concept"] == "procedure.pvp"
                and row["code"] in other.get("combination_rule", "")
            )


def _tidy(row: dict[str, Any]) -> dict[str, Any]:
    if row["concept"].startswith("unit.alias."):
        row["system"] = SPELLINGS
    if not row["licence"].startswith(DISPLAY_LICENCES):
        row["display"] = None
    if row["system"] == OPS and row["code"] == "5-83b":
        row["inferred"] = True  # the category covers wires, hooks and plates too
    if row.get("seventh"):
        row["seventh"] = row["seventh"].split(" = ")[0].split(",")
    if row["segment"] and row["concept"].startswith(("level.", "segment.")):
        row["segment"] = None  # the target says it
    elif row["level"]:
        row["level_candidates"] = [row["level"]]
    return row


def concept_maps(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """
    Put rows into FHIR R4 ConceptMaps, one for each kind.

    Parameters
    ----------
    rows : sequence of mapping
        Trimmed rows.

    Returns
    -------
    dict of str to dict
        ConceptMap by file name without ending.
    """
    spelt = [
        {"system": SPELLINGS, "code": code, "concept": concept, "match": "exact"}
        for concept, codes in SPELT.items()
        for code in codes
    ]
    return {name: _concept_map(name, [*rows, *spelt]) for name in TITLES}


def _concept_map(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    chosen = [row for row in rows if TARGETS[row["concept"]][0] == name]
    systems = dict.fromkeys(row["system"] for row in chosen)
    return {
        "resourceType": "ConceptMap",
        "id": name,
        "url": f"{BASE}/ConceptMap/{name}",
        "version": VERSION,
        "name": "Scnen" + name.title().replace("-", ""),
        "title": TITLES[name],
        "status": "active",
        "experimental": False,
        "date": DATE,
        "publisher": "scnen-cds",
        "description": DESCRIPTION.format(title=TITLES[name]),
        "purpose": PURPOSE,
        "copyright": COPYRIGHT,
        "group": [
            {
                "source": system,
                "target": PREDICTORS,
                "element": [_element(row) for row in chosen if row["system"] == system],
            }
            for system in systems
        ],
    }


def _element(row: Mapping[str, Any]) -> dict[str, Any]:
    element = {"code": row["code"]}
    if row.get("display"):
        element["display"] = row["display"]
    return {**element, "target": [_target(row)]}


def _target(row: Mapping[str, Any]) -> dict[str, Any]:
    code = TARGETS[row["concept"]][1]
    if code is None:
        return {"equivalence": "unmatched", "comment": UNMATCHED[row["concept"]]}
    target: dict[str, Any] = {"code": code, "equivalence": _equivalence(row)}
    if row.get("inferred") or row.get("weak"):
        target["comment"] = "The code does not name the method itself."
    if depends_on := list(_conditions_of(row)):
        target["dependsOn"] = depends_on
    if product := list(_outcomes_of(row)):
        target["product"] = product
    return target


def _equivalence(row: Mapping[str, Any]) -> str:
    if row.get("inferred") or row.get("weak"):
        return "inexact"
    return "wider" if row["concept"].startswith(("condition", "exclusion")) else "equal"


def _conditions_of(row: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    if row["match"] == "prefix":
        yield _said("code-match", "prefix")
    for character in row.get("seventh", ()):
        yield _said("index-character", character)
    for code in row.get("requires", ()):
        yield {**_said("same-operation", code), "system": row["system"]}
    if row.get("weak"):
        yield _said("spine-evidence", "required")


def _outcomes_of(row: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    if row["concept"].startswith("exclusion."):
        return  # wherever it lies, it excludes
    if levels := row.get("level_candidates"):
        yield from (_said("level", level) for level in levels)
    elif segment := row.get("segment"):
        yield _said("segment", SEGMENTS[segment])
    if row.get("inferred"):
        yield _said("inferred", "true")


def _said(name: str, value: str) -> dict[str, str]:
    return {"property": f"{PROPERTY}/{name}", "value": value}


def render(document: object) -> str:
    """
    Write a document the way the shipped files are written.

    Parameters
    ----------
    document : object
        JSON-ready.

    Returns
    -------
    str
        Indented JSON with a final line break.
    """
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Build the maps; with ``--trim`` the kept rows first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=Path, default=ROWS)
    parser.add_argument("--trim", type=Path, metavar="FULL_SURVEY")
    arguments = parser.parse_args()
    if arguments.trim:
        survey = json.loads(arguments.trim.read_text("utf-8"))
        arguments.rows.write_text(render(trim(survey)), "utf-8")
    rows = json.loads(arguments.rows.read_text("utf-8"))
    for name, document in concept_maps(rows).items():
        (FOLDER / f"{name}.json").write_text(render(document), "utf-8")


if __name__ == "__main__":
    main()
