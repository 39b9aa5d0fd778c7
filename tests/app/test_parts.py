"""Putting the service together: a setting that names a wrong file is named."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.config import NOT_YET, VARIABLES, Settings, SettingsError
from service.model.artifact import bundled_models, canonical_digest
from service.parts import build_parts, wall_clock


@pytest.fixture
def settings(monkeypatch):
    """Settings of open mode, all defaults."""
    for name in [*VARIABLES, *NOT_YET]:
        monkeypatch.delenv(name, raising=False)
    return Settings.from_env(is_open=True)


def test_the_default_is_the_nomogram_beside_the_other_equation(settings):
    """Both equations of the study are at hand."""
    parts = build_parts(settings)
    assert parts.model.id == "liu-nomogram"
    assert [service.id for service in parts.registry] == [
        "scnen-discharge",
        "scnen-chart",
    ]


def test_a_model_is_read_from_a_path(settings, tmp_path):
    """A site's own artifact need not be part of the package."""
    path = _artifact(tmp_path, id="own-model")
    assert build_parts(replace(settings, model=str(path))).model.id == "own-model"


def test_a_model_may_not_call_itself_like_a_bundled_one(settings, tmp_path):
    """Nobody takes a site's numbers for the study's."""
    path = _artifact(tmp_path, id="liu-nomogram")
    with pytest.raises(SettingsError, match="calls itself liu-nomogram"):
        build_parts(replace(settings, model=str(path)))


def _artifact(folder, **changes):
    document = json.loads(bundled_models()["liu-table2"].read_bytes()) | changes
    document["digest"] = canonical_digest(document)
    path = folder / "own.json"
    path.write_text(json.dumps(document), "utf-8")
    return path


def test_an_unknown_model_is_refused_with_the_bundled_ones(settings):
    """A typing error in an id does not look like a missing file."""
    with pytest.raises(SettingsError, match=r"SCNEN_MODEL: liu .*liu-nomogram"):
        build_parts(replace(settings, model="liu"))


def test_a_broken_model_is_refused_by_setting_and_file(settings, tmp_path):
    """The operator learns which setting and which file."""
    path = tmp_path / "broken.json"
    document = json.loads(bundled_models()["liu-nomogram"].read_bytes())
    path.write_text(json.dumps({**document, "digest": "sha256:0"}))
    with pytest.raises(SettingsError, match=r"SCNEN_MODEL: .*broken\.json"):
        build_parts(replace(settings, model=str(path)))


def test_a_model_that_nobody_calibrated_is_not_called_calibrated(settings):
    """A wrong word for a number is refused at start."""
    with pytest.raises(
        SettingsError, match="SCNEN_OUTPUT_MODE: calibrated does not fit"
    ):
        build_parts(replace(settings, output_mode="calibrated"))


def test_relative_fits_every_model(settings):
    """Points and percentile claim no probability."""
    assert (
        build_parts(replace(settings, output_mode="relative")).mode.value == "relative"
    )


def test_a_broken_policy_is_refused_by_setting_file_and_field(settings, tmp_path):
    """The operator learns where to look."""
    path = tmp_path / "policy.yaml"
    path.write_text('version: "1"\n')
    with pytest.raises(SettingsError, match=r"SCNEN_POLICY_FILE: .*policy\.yaml: "):
        build_parts(replace(settings, policy_file=path))


def test_a_broken_conceptmap_is_refused_by_setting_and_file(settings, tmp_path):
    """A site's map is checked at start, not at the first patient."""
    (tmp_path / "own.json").write_text("{")
    with pytest.raises(SettingsError, match=r"SCNEN_CONCEPTMAPS_DIR: .*own\.json"):
        build_parts(replace(settings, conceptmaps_dir=tmp_path))


def test_the_clock_knows_its_zone():
    """Naive times are refused further in."""
    now = wall_clock("Asia/Shanghai")()
    assert now.utcoffset() == timedelta(hours=8)
    assert abs(datetime.now(UTC) - now) < timedelta(seconds=5)
