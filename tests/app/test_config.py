"""Settings: what is refused, what the refusal says, what is never shown."""

import pytest

from service.config import NOT_YET, VARIABLES, Settings, SettingsError
from service.config import is_open_by_environment as is_open
from service.store.settings import StoreSettings

KEY = "correct-horse-battery-staple-0001"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    """No setting of the machine that runs the tests leaks in."""
    for name in [*VARIABLES, *NOT_YET]:
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
    keys = tmp_path / "keys"
    keys.write_text(f"{KEY[::-1]}\n\n{KEY.upper()}\n")
    for name, value in {
        "SCNEN_MODEL": "liu-table2",
        "SCNEN_OUTPUT_MODE": "relative",
        "SCNEN_POLICY_FILE": str(policy),
        "SCNEN_CONCEPTMAPS_DIR": str(tmp_path),
        "SCNEN_CLIENTS_FILE": str(clients),
        "SCNEN_OPEN_CLIENT": "north",
        "SCNEN_CANONICAL_BASE": "https://fhir.example.org/r4/",
        "SCNEN_OPEN": "false",
        "SCNEN_LOG_LEVEL": "warning",
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
        canonical_base="https://fhir.example.org/r4",
        public_url="https://cds.example.org/scnen",
        secret_key=KEY,
        is_open=False,
        log_level="warning",
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


def test_a_setting_of_later_versions_is_refused(monkeypatch):
    """Nobody believes that something is in use that is not there yet."""
    later = {"SCNEN_TOMORROW": "this version knows no tomorrow"}
    monkeypatch.setattr("service.config.NOT_YET", later)
    monkeypatch.setenv("SCNEN_TOMORROW", "yes")
    with pytest.raises(SettingsError, match="SCNEN_TOMORROW: not used yet, this vers"):
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
        ("SCNEN_LOCALE", "xx", "en, or a language"),
        ("SCNEN_LOCALE", "../../etc", "en, or a language"),
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
        ("SCNEN_PREVIOUS_SECRET_KEYS_FILE", __file__, "one earlier secret key a line"),
        ("SCNEN_PREVIOUS_SECRET_KEYS_FILE", "/nowhere", "one earlier secret key"),
        ("SCNEN_DATA_DIR", "/nowhere", "may write to"),
        ("SCNEN_DATABASE_URL", "mysql://db.example.org/scnen", "postgresql://"),
        ("SCNEN_DATABASE_URL", "postgresql://db.example.org", "postgresql://"),
        ("SCNEN_DATABASE_URL", "postgresql://db.example.org:x/scnen", "postgresql://"),
        ("SCNEN_DATABASE_URL", "sqlite:///relative.sqlite3", "sqlite:////path"),
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


def test_the_password_of_the_database_is_never_shown(monkeypatch, closed):
    """Neither the settings nor a refusal print it."""
    monkeypatch.setenv("SCNEN_DATABASE_URL", "postgresql://scnen:pa55word@db/scnen")
    assert "pa55word" not in repr(Settings.from_env())
    monkeypatch.setenv("SCNEN_DATABASE_URL", "postgresql://scnen:pa55word@db")
    with pytest.raises(SettingsError, match="SCNEN_DATABASE_URL") as caught:
        Settings.from_env()
    assert "pa55word" not in str(caught.value)
