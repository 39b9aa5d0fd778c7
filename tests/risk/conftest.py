"""Models, patients and damaged artifacts for the tests of the risk model."""

import hashlib
import json

import pytest

from service.model import bundled_models, load_bundled


@pytest.fixture(scope="session")
def nomogram():
    """The four-factor model."""
    return load_bundled("liu-nomogram")


@pytest.fixture(scope="session")
def table2():
    """The five-term model."""
    return load_bundled("liu-table2")


@pytest.fixture
def patient():
    """A complete patient: 12 degrees before, 6 after."""
    return {
        "segment": "lumbar",
        "method": "pkp",
        "cement_ratio_percent": 50.0,
        "cobb_preoperative_deg": 12.0,
        "cobb_postoperative_deg": 6.0,
        "cobb_restoration_ratio_percent": 50.0,
    }


@pytest.fixture
def shipped():
    """Read the JSON of a shipped artifact, free to be changed."""

    def read(model_id="liu-nomogram"):
        return json.loads(bundled_models()[model_id].read_bytes())

    return read


@pytest.fixture
def saved(tmp_path):
    """Save an artifact with a digest that fits what it says."""

    def save(content):
        content.pop("digest", None)
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        content["digest"] = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
        path = tmp_path / "model.json"
        path.write_text(json.dumps(content), "utf-8")
        return path

    return save


@pytest.fixture
def calibrated(shipped):
    """An artifact as a hospital's recalibration would write it."""
    content = shipped()
    return content | {
        "id": "somewhere-2027",
        "mode": "calibrated",
        "label": "recalibrated somewhere",
        "parent": content["digest"],
        "variants": [],
        "calibration": {
            "method": "intercept estimated again",
            "n": 412,
            "events": 57,
            "first_operation": "2025-01-07",
            "last_operation": "2026-05-30",
            "interval": [1.7, 2.4],
            "approved_by": ["A. Surgeon", "B. Statistician"],
            "approved_on": "2026-12-01",
            "valid_until": "2027-12-01",
            "data_digest": "sha256:00",
            "code_version": "0.1.0",
        },
    }
