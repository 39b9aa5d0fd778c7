"""Putting the service together: a setting that names a wrong file is named."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.app import create_app
from service.config import VARIABLES, Settings, SettingsError
from service.model.artifact import bundled_models, canonical_digest
from service.parts import build_parts, wall_clock


@pytest.fixture
def settings(monkeypatch):
    """Settings of open mode, all defaults."""
    for name in VARIABLES:
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


def test_a_developed_model_is_for_research_until_it_is_recalibrated(settings, tmp_path):
    """Nobody approved it, and its cards would call its numbers the study's."""
    document = json.loads(bundled_models()["liu-table2"].read_bytes())
    provenance = document["provenance"] | {"citation": "Developed with scnen-cds"}
    path = _artifact(tmp_path, id="north", provenance=provenance)
    build_parts(replace(settings, model=str(path)))
    with pytest.raises(SettingsError, match=r"SCNEN_MODEL: .* for research, in open"):
        build_parts(replace(settings, model=str(path), is_open=False))


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


def test_without_a_register_there_are_no_clients_and_open_mode_knows_one(settings):
    """A caller in open mode is taken for a client of which nothing is known."""
    parts = build_parts(settings)
    assert len(parts.clients) == 0
    assert parts.open_client.name == "generic"


def test_the_register_is_read_at_start(settings, tmp_path):
    """Clients are at hand by name, and one of them may stand for unknown callers."""
    path = _register(tmp_path, "clients: [{name: north, preset: epic}]")
    parts = build_parts(replace(settings, clients_file=path, open_client="north"))
    assert [client.name for client in parts.clients] == ["north"]
    assert parts.open_client is parts.clients.by_name("north")


def test_a_preset_may_stand_for_unknown_callers(settings):
    """To rehearse an EHR, no register is needed."""
    parts = build_parts(replace(settings, open_client="epic"))
    assert parts.open_client.trigger.discharge == ("27",)


@pytest.mark.parametrize("version", ["R4", "R4B", "R5"])
def test_the_service_starts_whatever_version_open_mode_takes(settings, version):
    """What is rehearsed at the start is in R4, and nobody's."""
    app = create_app(replace(settings, open_fhir_version=version))
    assert app.test_client().get("/healthz/ready").status_code == 200


@pytest.mark.parametrize(
    "proxy",
    [
        "https://proxy.example.org:3128",
        "http://me:secret@proxy.example.org:3128",
        "http://proxy.example.org:3128/path",
        "http://169.254.169.254:3128",
        "http://2130706433:3128",
        "proxy.example.org:3128",
        "socks5://proxy.example.org",
    ],
)
def test_an_address_that_is_no_proxys_stops_the_start(monkeypatch, settings, proxy):
    """With the setting, and without a password that may stand in it."""
    monkeypatch.setenv("SCNEN_FHIR_PROXY", proxy)
    with pytest.raises(SettingsError, match=r"\ASCNEN_FHIR_PROXY: .*\. ?") as error:
        build_parts(Settings.from_env(is_open=True))
    assert "secret" not in str(error.value)


def test_an_unknown_client_of_open_mode_is_refused(settings, tmp_path):
    """The operator learns which names there are."""
    path = _register(tmp_path, "clients: [{name: north}]")
    with pytest.raises(SettingsError, match=r"SCNEN_OPEN_CLIENT: nroth .*mean north"):
        build_parts(replace(settings, clients_file=path, open_client="nroth"))


def test_a_broken_register_is_refused_by_setting_file_line_and_field(
    settings, tmp_path
):
    """Every fault at once, as the check tells them."""
    path = _register(tmp_path, "clients:\n  - name: North\n    isuer: x\n")
    told = (
        r"SCNEN_CLIENTS_FILE: .*clients\.yaml: 2 faults\n"
        r"  line 2, column 11: clients\[0\]\.name: .*\n"
        r"  line 3, column 5: clients\[0\]\.isuer: is unknown; did you mean issuer"
    )
    with pytest.raises(SettingsError, match=told):
        build_parts(replace(settings, clients_file=path))


def test_a_client_that_nothing_proves_is_served_in_open_mode_only(settings, tmp_path):
    """Anyone can sign as the public Sandbox."""
    path = _register(tmp_path, "clients: [{name: play, preset: public-sandbox}]")
    settings = replace(settings, clients_file=path)
    assert len(build_parts(settings).clients) == 1
    with pytest.raises(SettingsError, match=r"SCNEN_CLIENTS_FILE: .*play can only be"):
        build_parts(replace(settings, is_open=False))


def test_the_angles_of_a_site_may_be_declared_signed(settings, tmp_path):
    """And nothing else is known of a site."""
    site = "{angle_signs: kyphosis-negative}"
    path = _register(tmp_path, f"clients: [{{name: north, site: {site}}}]")
    parts = build_parts(replace(settings, clients_file=path))
    assert parts.clients.by_name("north").site == {"angle_signs": "kyphosis-negative"}


def _register(folder, text):
    path = folder / "clients.yaml"
    path.write_text(text, "utf-8")
    return path


def test_the_clock_knows_its_zone():
    """Naive times are refused further in."""
    now = wall_clock("Asia/Shanghai")()
    assert now.utcoffset() == timedelta(hours=8)
    assert abs(datetime.now(UTC) - now) < timedelta(seconds=5)
