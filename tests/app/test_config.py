"""Settings: what is refused, what the refusal says, what is never shown."""

from ipaddress import ip_network

import pytest

from service.config import (
    VARIABLES,
    Settings,
    SettingsError,
    processes_by_environment,
)
from service.config import is_open_by_environment as is_open
from service.store.settings import StoreSettings

KEY = "correct-horse-battery-staple-0001"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    """No setting of the machine that runs the tests leaks in."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def closed(monkeypatch, tmp_path):
    """What an installation outside open mode must set."""
    monkeypatch.setenv("SCNEN_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SCNEN_PUBLIC_URL", "https://cds.example.org/scnen/")
    monkeypatch.setenv("SCNEN_SECRET_KEY", KEY)


def test_open_mode_needs_no_setting():
    """Someone who only wants to try the service sets nothing."""
    settings = Settings.from_env(is_open=True)
    assert settings.model == "liu-nomogram"
    assert settings.output_mode == "anchored"
    assert settings.public_url == "http://127.0.0.1:8080"
    assert settings.canonical_base == "http://scnen-cds.example.org/fhir"
    assert settings.locale == "en"
    assert settings.log_level == "info"
    assert (settings.policy_file, settings.conceptmaps_dir) == (None, None)
    assert (settings.clients_file, settings.open_client) == (None, "generic")
    assert (settings.open_fhir_version, settings.fhir_proxy) == (None, None)


def test_open_mode_links_to_the_address_that_was_bound():
    """With a free port the links still lead somewhere."""
    url = "http://127.0.0.1:45123"
    assert Settings.from_env(is_open=True, public_url=url).public_url == url


def test_public_url_of_the_environment_comes_first(monkeypatch):
    """A proxy in front has the last word on where clients reach the service."""
    monkeypatch.setenv("SCNEN_PUBLIC_URL", "https://cds.example.org/")
    settings = Settings.from_env(is_open=True, public_url="http://127.0.0.1:1")
    assert settings.public_url == "https://cds.example.org"


def test_every_setting_is_read(monkeypatch, closed, tmp_path):
    """Each variable of the list changes the settings."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1")
    clients = tmp_path / "clients.yaml"
    clients.write_text("clients: [{name: north}]")
    results = tmp_path / "results.json"
    results.write_text("{}")
    keys = tmp_path / "keys"
    keys.write_text(f"{KEY[::-1]}\n\n{KEY.upper()}\n")
    for name, value in {
        "SCNEN_MODEL": "liu-table2",
        "SCNEN_OUTPUT_MODE": "relative",
        "SCNEN_POLICY_FILE": str(policy),
        "SCNEN_CONCEPTMAPS_DIR": str(tmp_path),
        "SCNEN_CLIENTS_FILE": str(clients),
        "SCNEN_OPEN_CLIENT": "north",
        "SCNEN_OPEN_FHIR_VERSION": "R4B",
        "SCNEN_FHIR_PROXY": "http://proxy.example.org:3128/",
        "SCNEN_CANONICAL_BASE": "https://fhir.example.org/r4/",
        "SCNEN_ADMIN_TOKEN": f"admin-{KEY}",
        "SCNEN_METRICS_TOKEN": f"metrics-{KEY}",
        "SCNEN_PRIVATE_DISCOVERY": "true",
        "SCNEN_PROXIES": "10.0.4.7, 10.0.8.0/24,2001:db8::/64",
        "SCNEN_CERTIFICATE_HEADER": "X-Forwarded-Client-Cert",
        "SCNEN_VALIDATION_FILE": str(results),
        "SCNEN_SAFETY_CONTACT": "Patient safety, extension 4711",
        "SCNEN_STOP_FILE": str(tmp_path / "stop"),
        "SCNEN_OPEN": "false",
        "SCNEN_LOG_LEVEL": "warning",
        "SCNEN_TRACING": "true",
        "SCNEN_LOCALE": "en",
        "SCNEN_TIME_ZONE": "Asia/Shanghai",
        "SCNEN_DATA_DIR": str(tmp_path),
        "SCNEN_DATABASE_URL": "postgresql://scnen:word@db.example.org/scnen",
        "SCNEN_DURABILITY": "power",
        "SCNEN_UNRECORDED": "refuse",
        "SCNEN_SPOOL_LIMIT_MB": "8",
        "SCNEN_KEEP_DECISIONS_DAYS": "365",
        "SCNEN_KEEP_COMMENTS_DAYS": "30",
        "SCNEN_PREVIOUS_SECRET_KEYS_FILE": str(keys),
    }.items():
        monkeypatch.setenv(name, value)
    assert Settings.from_env() == Settings(
        model="liu-table2",
        output_mode="relative",
        policy_file=policy,
        conceptmaps_dir=tmp_path,
        clients_file=clients,
        open_client="north",
        open_fhir_version="R4B",
        fhir_proxy="http://proxy.example.org:3128/",
        canonical_base="https://fhir.example.org/r4",
        public_url="https://cds.example.org/scnen",
        secret_key=KEY,
        admin_token=f"admin-{KEY}",
        metrics_token=f"metrics-{KEY}",
        is_discovery_private=True,
        proxies=tuple(map(ip_network, ["10.0.4.7/32", "10.0.8.0/24", "2001:db8::/64"])),
        certificate_header="X-Forwarded-Client-Cert",
        validation_file=results,
        safety_contact="Patient safety, extension 4711",
        stop_file=tmp_path / "stop",
        is_open=False,
        log_level="warning",
        is_traced=True,
        locale="en",
        time_zone="Asia/Shanghai",
        store=StoreSettings(
            data_dir=tmp_path,
            database_url="postgresql://scnen:word@db.example.org/scnen",
            durability="power",
            unrecorded="refuse",
            spool_limit_mb=8,
            keep_decisions_days=365,
            keep_comments_days=30,
            previous_secret_keys=(KEY[::-1], KEY.upper()),
        ),
    )


def test_processes_and_threads_are_settings_too(monkeypatch):
    """A container is sized without changing its command."""
    assert processes_by_environment() == (2, 1)
    monkeypatch.setenv("SCNEN_WORKERS", "4")
    monkeypatch.setenv("SCNEN_THREADS", "8")
    assert processes_by_environment() == (4, 8)


@pytest.mark.parametrize("name", ["SCNEN_WORKERS", "SCNEN_THREADS"])
@pytest.mark.parametrize("value", ["0", "-1", "65", "two", "1.5"])
def test_a_number_of_processes_that_is_none_is_refused(monkeypatch, name, value):
    """The message says what may stand there."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name}: not allowed.*1 to 64"):
        processes_by_environment()


@pytest.mark.parametrize(
    "name", ["SCNEN_PUBLIC_URL", "SCNEN_SECRET_KEY", "SCNEN_DATA_DIR"]
)
def test_outside_open_mode_address_key_and_folder_are_required(
    monkeypatch, closed, name
):
    """There is no default that would be unsafe."""
    monkeypatch.delenv(name)
    with pytest.raises(SettingsError, match=f"{name}: not set"):
        Settings.from_env()


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("SCNEN_OUTPUTMODE", "Did you mean SCNEN_OUTPUT_MODE"),
        ("scnen_model", "Did you mean SCNEN_MODEL"),
        ("SCNEN_XQ", "Known settings: SCNEN_MODEL"),
    ],
)
def test_an_unknown_setting_is_refused_with_the_nearest(monkeypatch, name, nearest):
    """A misspelt setting does not silently leave the default in place."""
    monkeypatch.setenv(name, "relative")
    with pytest.raises(SettingsError, match=f"{name}: unknown setting. {nearest}"):
        Settings.from_env(is_open=True)


@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_an_empty_setting_is_refused(monkeypatch, name):
    """An empty value is a mistake in a deployment file, not a wish for the default."""
    monkeypatch.setenv(name, "  ")
    with pytest.raises(SettingsError, match=f"{name}: set but empty"):
        Settings.from_env(is_open=True)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("SCNEN_OUTPUT_MODE", "absolute", "one of anchored, calibrated, relative"),
        ("SCNEN_LOG_LEVEL", "loud", "one of debug, info, warning, error"),
        ("SCNEN_TIME_ZONE", "Mars/Olympus", "IANA name"),
        ("SCNEN_LOCALE", "xx", "one of en, zh-Hans"),
        ("SCNEN_LOCALE", "../../etc", "one of en, zh-Hans"),
        ("SCNEN_POLICY_FILE", "/nowhere/policy.yaml", "existing policy file"),
        ("SCNEN_CONCEPTMAPS_DIR", "/nowhere", "existing folder"),
        ("SCNEN_CLIENTS_FILE", "/nowhere/clients.yaml", "existing register"),
        ("SCNEN_CANONICAL_BASE", "fhir.example.org", "absolute http or https URL"),
        ("SCNEN_CANONICAL_BASE", "http://e.org/a b", "absolute http or https URL"),
        ("SCNEN_PUBLIC_URL", "ftp://e.org", "absolute URL"),
        ("SCNEN_PUBLIC_URL", "https://user:pw@e.org", "no credentials"),
        ("SCNEN_PUBLIC_URL", "https://e.org/?a=1", "query"),
        ("SCNEN_PUBLIC_URL", "https://e.org:port", "absolute URL"),
        ("SCNEN_PUBLIC_URL", "https://", "absolute URL"),
        ("SCNEN_SECRET_KEY", "short", "at least 32 characters"),
        ("SCNEN_ADMIN_TOKEN", "short", "at least 32 characters"),
        ("SCNEN_METRICS_TOKEN", "short", "at least 32 characters"),
        ("SCNEN_SECRET_KEY_FILE", "/nowhere", "path of a file"),
        ("SCNEN_PRIVATE_DISCOVERY", "perhaps", "true or false"),
        ("SCNEN_PROXIES", "proxy.example.org", "addresses or networks"),
        ("SCNEN_PROXIES", "10.0.0.1/24", "addresses or networks"),
        ("SCNEN_PROXIES", "10.0.0.1,,10.0.0.2", "addresses or networks"),
        ("SCNEN_CERTIFICATE_HEADER", "X Cert", "name of a header"),
        ("SCNEN_CERTIFICATE_HEADER", "Authorization", "name of a header"),
        ("SCNEN_PREVIOUS_SECRET_KEYS_FILE", __file__, "one earlier secret key a line"),
        ("SCNEN_PREVIOUS_SECRET_KEYS_FILE", "/nowhere", "one earlier secret key"),
        ("SCNEN_DATA_DIR", "/nowhere", "may write to"),
        ("SCNEN_DATABASE_URL", "mysql://db.example.org/scnen", "postgresql://"),
        ("SCNEN_DATABASE_URL", "postgresql://db.example.org", "postgresql://"),
        ("SCNEN_DATABASE_URL", "postgresql://db.example.org:x/scnen", "postgresql://"),
        ("SCNEN_DATABASE_URL", "sqlite:///relative.sqlite3", "sqlite:////path"),
        ("SCNEN_VALIDATION_FILE", "/gone/results.json", "an existing results.json"),
        ("SCNEN_SAFETY_CONTACT", "ring\n4711", "one line"),
        ("SCNEN_SAFETY_CONTACT", "x" * 201, "one line"),
        ("SCNEN_DURABILITY", "forever", "one of process, power"),
        ("SCNEN_UNRECORDED", "drop", "one of answer, refuse"),
        ("SCNEN_SPOOL_LIMIT_MB", "0", "a whole number from 1"),
        ("SCNEN_KEEP_DECISIONS_DAYS", "all", "a whole number from 1"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(monkeypatch, name, value, allowed):
    """The refusal names the variable and what it may hold."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name}: not allowed. Give .*{allowed}"):
        Settings.from_env(is_open=True)


@pytest.mark.conformance("GEN-2")
def test_outside_open_mode_the_address_is_https(monkeypatch, closed):
    """Patient data do not travel in the clear."""
    monkeypatch.setenv("SCNEN_PUBLIC_URL", "http://cds.example.org")
    with pytest.raises(SettingsError, match=r"SCNEN_PUBLIC_URL: not allowed.*https"):
        Settings.from_env()


@pytest.mark.parametrize(
    ("value", "meant"), [("true", True), ("1", True), ("false", False), ("0", False)]
)
def test_open_mode_is_true_or_false(monkeypatch, value, meant):
    """The usual spellings of a switch are understood."""
    monkeypatch.setenv("SCNEN_OPEN", value)
    assert is_open() is meant


def test_open_mode_is_off_without_the_variable():
    """Serving without authentication is asked for, never assumed."""
    assert is_open() is False


def test_an_unclear_switch_is_refused(monkeypatch):
    """A typing error does not open the service."""
    monkeypatch.setenv("SCNEN_OPEN", "ture")
    with pytest.raises(SettingsError, match=r"SCNEN_OPEN: not allowed. Give true or"):
        Settings.from_env()


def test_the_secret_key_is_never_shown(monkeypatch, closed):
    """Neither the settings nor a refusal print the key."""
    assert KEY not in repr(Settings.from_env())
    monkeypatch.setenv("SCNEN_SECRET_KEY", "a-short-secret")
    with pytest.raises(SettingsError, match="SCNEN_SECRET_KEY") as caught:
        Settings.from_env()
    assert "a-short-secret" not in str(caught.value)
    assert caught.value.__suppress_context__


SECRETS = ["SCNEN_SECRET_KEY", "SCNEN_ADMIN_TOKEN", "SCNEN_METRICS_TOKEN"]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_stand_in_a_file(monkeypatch, closed, tmp_path, name):
    """As containers mount it; a line end at its end does no harm."""
    file = tmp_path / "secret"
    file.write_text(f"{name}-{KEY}\n")
    monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(f"{name}_FILE", str(file))
    field = name.removeprefix("SCNEN_").lower()
    assert getattr(Settings.from_env(), field) == f"{name}-{KEY}"


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_stands_in_one_place(monkeypatch, closed, tmp_path, name):
    """Which of two counts would be a guess."""
    file = tmp_path / "secret"
    file.write_text(KEY)
    monkeypatch.setenv(name, KEY)
    monkeypatch.setenv(f"{name}_FILE", str(file))
    with pytest.raises(SettingsError, match=f"^{name}: set as well as {name}_FILE"):
        Settings.from_env()


@pytest.mark.parametrize("content", [b"", b"a-short-secret", b"\xff" * 40])
def test_a_file_without_a_secret_is_refused(monkeypatch, closed, tmp_path, content):
    """With the name of the file and nothing of what is in it."""
    file = tmp_path / "secret"
    file.write_bytes(content)
    monkeypatch.setenv("SCNEN_ADMIN_TOKEN_FILE", str(file))
    said = f"SCNEN_ADMIN_TOKEN_FILE: {file} cannot be read or does not hold at least 32"
    with pytest.raises(SettingsError, match=said) as caught:
        Settings.from_env()
    assert "a-short-secret" not in str(caught.value)


@pytest.mark.parametrize("name", SECRETS[1:])
def test_tokens_are_never_shown(monkeypatch, closed, name):
    """`repr` stands in tracebacks."""
    monkeypatch.setenv(name, KEY[::-1])
    assert KEY[::-1] not in repr(Settings.from_env())


def test_the_password_of_the_database_is_never_shown(monkeypatch, closed):
    """Neither the settings nor a refusal print it."""
    monkeypatch.setenv("SCNEN_DATABASE_URL", "postgresql://scnen:pa55word@db/scnen")
    assert "pa55word" not in repr(Settings.from_env())
    monkeypatch.setenv("SCNEN_DATABASE_URL", "postgresql://scnen:pa55word@db")
    with pytest.raises(SettingsError, match="SCNEN_DATABASE_URL") as caught:
        Settings.from_env()
    assert "pa55word" not in str(caught.value)
