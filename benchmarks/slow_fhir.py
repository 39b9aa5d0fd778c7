"""A played FHIR server that thinks before it answers, as long as it is told.

    python benchmarks/slow_fhir.py --delay-ms 300 [--patients 05 24]

Serves the patients of the benchmark on a free loopback port, http, no token, no paging;
prints its base URL. It waits without working, so that it takes little of the machine.
"""

import argparse
import asyncio
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from bodies import SCORED

from service.patients import bundled_patients

_LENGTH = re.compile(r"^content-length: *(\d+)\r$", re.IGNORECASE | re.MULTILINE)

_DICTATED = (
    "Vertebra filled with cement in its anterior half, no leak into the canal."
    " Endplates parallel within a few degrees, height restored in part."
    " Neighbours unchanged."
)

Charts = Mapping[str, Mapping[str, Any]]


def charts(names: Collection[str] = SCORED) -> dict[str, dict[str, Any]]:
    """Every resource of some patients by reference, dates moved up to now."""
    now = datetime.now(UTC)
    found = {
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}": entry[
            "resource"
        ]
        for patient in bundled_patients()
        if patient.name.split("-")[0] in names
        for entry in patient.bundle_at(now)["entry"]
    }
    people = [name for name in found if name.startswith("Patient/")]
    return {
        **found,
        **{f"DiagnosticReport/{each[8:]}": report(each) for each in people},
    }


def report(patient: str) -> dict[str, Any]:
    """Dictate what a radiologist would of two films, at about the length of one."""
    return {
        "resourceType": "DiagnosticReport",
        "id": patient.removeprefix("Patient/"),
        "status": "final",
        "category": [{"coding": [{"code": "RAD"}]}],
        "code": {"text": "XR spine, two views"},
        "subject": {"reference": patient},
        "effectiveDateTime": datetime.now(UTC).date().isoformat(),
        "conclusion": " ".join([_DICTATED] * 4),
    }


def answer(resources: Charts, target: str) -> bytes:
    """Read one resource, or give all of a type and patient as one page."""
    parts = urlsplit(target)
    path = parts.path.removeprefix("/fhir/")
    if path in resources:
        return orjson.dumps(resources[path])
    kind = path.partition("/")[0]
    (patient,) = parse_qs(parts.query).get("patient", [""])
    found = [
        {"resource": each, "search": {"mode": "match"}}
        for each in resources.values()
        if each["resourceType"] == kind
        and each["subject"]["reference"] == f"Patient/{patient}"
    ]
    page = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
    return orjson.dumps({**page, "entry": found})


async def talk(
    resources: Charts,
    delay_s: float,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Answer the requests of one connection until it ends."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
            target = head.split(" ", 2)[1]
            if length := _LENGTH.search(head):
                # A long search comes as a form, which says the same as a query string.
                form = await reader.readexactly(int(length[1]))
                target = f"{target.removesuffix('/_search')}?{form.decode('ascii')}"
            await asyncio.sleep(delay_s)
            body = answer(resources, target)
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
            )
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def serve(delay_s: float, names: Collection[str]) -> None:
    """Serve until somebody stops it."""
    handler = partial(talk, charts(names), delay_s)
    server = await asyncio.start_server(handler, "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    print(f"FHIR server http://127.0.0.1:{port}/fhir", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--delay-ms", type=float, default=300)
    parser.add_argument("--patients", nargs="+", default=SCORED)
    options = parser.parse_args()
    asyncio.run(serve(options.delay_ms / 1e3, options.patients))
