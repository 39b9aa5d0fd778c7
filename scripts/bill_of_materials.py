"""Write the software bill of materials: requirements.lock -> CycloneDX, and licences.

Usage: python scripts/bill_of_materials.py [FILE], default build/sbom.json. Reads the
lock and the metadata of the installed packages; asks nobody. A licence that
scripts/licences.yaml does not allow, or that is not known, stops it.
"""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

import yaml
from license_expression import (  # type: ignore[import-untyped] # no types
    ExpressionError,
    get_spdx_licensing,
)

from service import __version__

__all__ = ["Package", "bill", "is_allowed", "licence_of", "main", "read_lock"]

ROOT = Path(__file__).parents[1]
_LICENSING = get_spdx_licensing()
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?==(?P<version>[^\s;\\]+)")


@dataclass(frozen=True)
class Package:
    """
    One pin of the lock.

    Attributes
    ----------
    name : str
        As the registry spells it.
    version : str
        The version.
    hashes : tuple of str
        SHA-256 of the files that may be installed.
    parents : frozenset of str
        Packages that ask for it; ``scnen-cds`` for the project itself.
    """

    name: str
    version: str
    hashes: tuple[str, ...]
    parents: frozenset[str]


def read_lock(text: str) -> list[Package]:
    """
    Read the pins of a lock.

    Parameters
    ----------
    text : str
        The lock, as uv writes it.

    Returns
    -------
    list of Package
        Its pins.

    Raises
    ------
    ValueError
        If a line is no pin.
    """
    packages = []
    for block in re.split(r"\n(?=\S)", text.strip()):
        pin = _PIN.match(block)
        if not pin:
            raise ValueError(f"the lock has a line that is no pin: {block[:60]!r}")
        words = re.findall(r"^ +#(?: via)? +(?!via$)(\S+)", block, re.MULTILINE)
        package = Package(
            name=pin["name"],
            version=pin["version"],
            hashes=tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", block)),
            parents=frozenset(re.sub(r"\[.*", "", word) for word in words),
        )
        packages.append(package)
    return packages


def licence_of(name: str, stated: Mapping[str, str]) -> str:
    """
    Tell a package's licence: as `licences.yaml` states it, or as its metadata do.

    Parameters
    ----------
    name : str
        The package; it must be installed.
    stated : mapping
        Licences by package where the metadata have no SPDX expression.

    Returns
    -------
    str
        SPDX expression; empty if none is known.
    """
    if name in stated:
        return stated[name]
    try:
        found = metadata(name).json
    except PackageNotFoundError:
        return ""
    expression = str(found.get("license_expression") or found.get("license") or "")
    return "" if _parsed(expression) is None else expression


def is_allowed(expression: str, allowed: Mapping[str, str]) -> bool:
    """
    Tell whether an SPDX expression can be met with allowed licences only.

    Parameters
    ----------
    expression : str
        SPDX expression; empty means that none is known.
    allowed : mapping
        Allowed licences and why.

    Returns
    -------
    bool
        Whether all that must be met are allowed, and one of each choice.

    Examples
    --------
    >>> is_allowed("GPL-3.0-only OR MIT", {"MIT": "permissive"})
    True
    """
    parsed = _parsed(expression)
    if parsed is None:
        return False
    yes, no = _LICENSING.TRUE, _LICENSING.FALSE
    met = {each: yes if str(each) in allowed else no for each in parsed.symbols}
    return bool(parsed.subs(met).simplify() == yes)


def bill(packages: list[Package], licences: Mapping[str, str]) -> dict[str, Any]:
    """
    Make the CycloneDX document. The same lock gives the same document.

    Parameters
    ----------
    packages : list of Package
        What the lock holds.
    licences : mapping
        SPDX expression by package name.

    Returns
    -------
    dict
        CycloneDX 1.6.
    """
    root = f"pkg:pypi/scnen-cds@{__version__}"
    refs = {"scnen-cds": [root]}
    for package in packages:
        refs.setdefault(package.name, []).append(_purl(package))
    needs: dict[str, list[str]] = {
        each: [] for group in refs.values() for each in group
    }
    for package in packages:
        for parent in package.parents:
            for ref in refs[parent]:
                needs[ref].append(_purl(package))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": "scnen-cds",
                "version": __version__,
                "licenses": [{"expression": "Apache-2.0"}],
            }
        },
        "components": [_component(each, licences[each.name]) for each in packages],
        "dependencies": [
            {"ref": ref, "dependsOn": sorted(on)} for ref, on in sorted(needs.items())
        ],
    }


def main(file: Path) -> int:
    """
    Write the document and print the licences.

    Parameters
    ----------
    file : pathlib.Path
        Where the document goes.

    Returns
    -------
    int
        Exit code: 1 if a licence is not allowed or not known.
    """
    policy = yaml.safe_load((ROOT / "scripts/licences.yaml").read_text("utf-8"))
    packages = read_lock((ROOT / "requirements.lock").read_text("utf-8"))
    licences = {each.name: licence_of(each.name, policy["stated"]) for each in packages}
    refused = 0
    for name, expression in sorted(licences.items()):
        is_fine = is_allowed(expression, policy["allowed"])
        refused += not is_fine
        note = "" if is_fine else "  NOT ALLOWED by scripts/licences.yaml"
        sys.stdout.write(f"{name:22} {expression or 'unknown'}{note}\n")
    if refused:
        return 1
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(bill(packages, licences), indent=1) + "\n", "utf-8")
    sys.stdout.write(f"{len(packages)} packages, all licences allowed: {file}\n")
    return 0


def _parsed(expression: str) -> Any:  # noqa: ANN401 of an untyped library
    """Parse an SPDX expression; None if it is none."""
    try:
        return _LICENSING.parse(expression, validate=True)
    except ExpressionError:
        return None


def _purl(package: Package) -> str:
    """Make the package URL, which is also the reference within the document."""
    return f"pkg:pypi/{package.name}@{package.version}"


def _component(package: Package, licence: str) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": _purl(package),
        "name": package.name,
        "version": package.version,
        "purl": _purl(package),
        "licenses": [{"expression": licence}],
        # Digests of all files of this version; which one fits depends on the machine.
        "externalReferences": [
            {
                "type": "distribution",
                "url": _purl(package),
                "hashes": [
                    {"alg": "SHA-256", "content": each} for each in package.hashes
                ],
            }
        ],
    }


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "build/sbom.json"))
