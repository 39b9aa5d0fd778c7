"""Hook requests of many distinct patients, so that no cache of ours is flattered."""

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from service.hook_requests import hook_request
from service.patients import bundled_patients

__all__ = ["SCORED", "variants"]

#: Stories that end with a scored card: the longest way through the service.
SCORED = ("01", "02", "04", "11", "12", "16", "17")


def variants(service: Mapping[str, Any], count: int) -> list[bytes]:
    """
    Build distinct requests with complete prefetch.

    Ids, instants and measured values differ from one to the next; the changes are small
    enough for each patient to keep the card of the story. The played EHR sends every
    Observation of the patient, as one does whose administrator left out the codes.

    Parameters
    ----------
    service : mapping
        Discovery entry of the service that is called.
    count : int
        How many.

    Returns
    -------
    list of bytes
        The bodies, JSON in one line each.
    """
    templates = {
        key: re.sub(r"&code=[^&]*", "", query)
        for key, query in service["prefetch"].items()
    }
    generous = {**service, "prefetch": templates}
    stories = [p for p in bundled_patients() if p.name.split("-")[0] in SCORED]
    return [
        _variant(stories[number % len(stories)].bundle, generous, number)
        for number in range(count)
    ]


def _variant(bundle: Mapping[str, Any], service: Mapping[str, Any], n: int) -> bytes:
    changed = copy.deepcopy(dict(bundle))
    for quantity in _quantities(changed):
        quantity["value"] = round(quantity["value"] * (1 + n / 50_000), 4)
    body = hook_request(
        changed, service, hook_instance=f"{n:08x}-0000-4000-8000-{n:012x}"
    )
    return (
        orjson.dumps(body)
        .replace(b"syn-", f"v{n:05d}-".encode())
        .replace(b":00+01:00", f":{n % 60:02d}+01:00".encode())
    )


def _quantities(bundle: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for entry in bundle["entry"]:
        resource = entry["resource"]
        for item in [resource, *resource.get("component", ())]:
            if "valueQuantity" in item:
                yield item["valueQuantity"]
