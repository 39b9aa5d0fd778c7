"""The clinical policy: read from a file, checked, refused with the field named."""

from dataclasses import fields
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from service.policy import (
    Chart,
    MissingCard,
    PolicyError,
    Reminded,
    default_policy,
    load_policy,
)


@pytest.fixture
def default_text():
    return files("service").joinpath("data/policy/default.yaml").read_text("utf-8")


@pytest.fixture
def load(default_text, tmp_path):
    """Load the default policy with one field changed (None of a path: removed)."""

    def load(path="", value=None, *, remove=False):
        document = yaml.safe_load(default_text)
        *parents, last = path.split(".")
        target = document
        for parent in parents:
            target = target[parent]
        if remove:
            del target[last]
        elif path:
            target[last] = value
        file = tmp_path / "policy.yaml"
        file.write_text(yaml.safe_dump(document), "utf-8")
        return load_policy(file)

    return load


def test_the_default_policy_has_the_studys_incidence_and_no_approval():
    """41 of 237 is 17.3 %; nobody has approved it."""
    policy = default_policy()
    assert policy.bands.above_average == pytest.approx(41 / 237, abs=5e-4)
    assert policy.missing_card is MissingCard.ONCE_PER_ENCOUNTER
    assert not policy.approval.is_given


def test_the_stopping_rules_are_those_set_beforehand():
    """More than 90 % overridden, or more than 20 % "not applicable", over 50 cards."""
    rules = default_policy().stopping
    assert rules.answered_cards == 50
    assert rules.overridden_share == 0.9
    assert rules.not_applicable_share == 0.2
    assert rules.not_applicable_reasons == {"cds-not-applicable"}


def test_a_sites_policy_names_who_approved_it(load):
    """Names and day go together."""
    policy = load(
        "approval",
        {"approved_by": ["A. B."], "approved_on": date(2026, 5, 1), "languages": []},
    )
    assert policy.approval.is_given


def test_a_sites_policy_names_the_translations_that_were_approved(load):
    """Who approved the thresholds has read the cards in these languages, too."""
    told = {"approved_by": ["A. B."], "approved_on": date(2026, 5, 1)}
    approval = load("approval", {**told, "languages": ["zh-Hans"]}).approval
    assert approval.is_of("zh-Hans")
    assert approval.is_of("en")
    assert not default_policy().approval.is_of("zh-Hans")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("bands.high", 0.1, "0 < above_average < high < 1"),
        ("bands.high", "much", "bands.high: must be a number"),
        ("bands.high", float("nan"), "bands.high: must be finite"),
        ("bands.above_average", True, "bands.above_average: must be a number"),
        ("bands.relative_percentile", 100, "relative_percentile: must lie between"),
        ("bands.extra", 1, "bands.extra: unknown"),
        ("bands", 3, "bands: must be an object"),
        ("windows.lookback_days", 0, "windows.lookback_days: must be a whole number"),
        ("windows.lookback_days", 1.5, "windows.lookback_days: must be a whole number"),
        ("eligibility.minimum_age_years", 12, "must be a whole number from 18"),
        ("eligibility.in_progress_counts", "no", "must be true or false"),
        ("follow_up.horizon_days", 30, "review_until_days <= horizon_days"),
        ("stopping", None, "stopping: must be an object"),
        ("stopping.answered_cards", 0, "stopping.answered_cards: must be a whole"),
        ("stopping.overridden_share", 90, "overridden_share: must lie between 0 and 1"),
        ("stopping.not_applicable_share", 0, "must lie between 0 and 1"),
        ("stopping.not_applicable_reasons", [], "must be a list, not empty"),
        ("chart", None, "chart: must be an object"),
        ("chart.nag", True, "chart.nag: unknown"),
        ("chart.findings_from_days", -1, "chart.findings_from_days: must be a whole"),
        ("chart.findings_from_days", 29, "must not exceed follow_up.review_from_days"),
        ("chart.next_step_shown_days", -1, "must be a whole number from 0, got -1"),
        ("chart.overdue_shown_days", True, "chart.overdue_shown_days: must be a whole"),
        ("chart.due_reminds", "high", "chart.due_reminds: must be a list of high, "),
        ("chart.due_reminds", ["all"], "chart.due_reminds: 'all' is none of high, "),
        ("chart.overdue_reminds", [["high"]], r"\['high'\] is none of high, "),
        (
            "missing_card",
            "sometimes",
            "must be one of once-per-encounter, always, never",
        ),
        ("overridden", True, "overridden: must be an object"),
        ("overridden.stays_away", "yes", "overridden.stays_away: must be true or"),
        ("overridden.comes_back_for", "x", "comes_back_for: must be a list of codes"),
        ("overridden.comes_back_for", [7], "comes_back_for: must be a list of codes"),
        ("approval.approved_by", "me", "must be a list of names"),
        ("approval.approved_by", ["me"], "names and date go together"),
        ("approval.approved_on", "May", "must be a date"),
        ("approval.languages", "zh-Hans", "languages: must be a list of zh-Hans, may"),
        ("approval.languages", ["zh"], "languages: must be a list of zh-Hans, maybe"),
        ("version", "", "version: must be a text"),
    ],
)
def test_a_wrong_field_is_refused_by_name(load, path, value, message):
    """The message names file, field and what is allowed."""
    with pytest.raises(PolicyError, match=message) as caught:
        load(path, value)
    assert "policy.yaml: " in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [*sorted(field.name for field in fields(Chart)), *Reminded],
)
def test_every_quiet_rule_and_every_group_stands_in_the_documentation(name):
    """A committee can read what it decides on."""
    page = (Path(__file__).parents[2] / "docs/chart.md").read_text("utf-8")
    assert f"`{name}`" in page


def test_a_site_may_switch_every_card_of_the_chart_off(load):
    """No days, nobody to remind: all of it is data."""
    quiet = {
        "findings_from_days": 0,
        "criteria_met_shown_days": 0,
        "next_step_shown_days": 0,
        "due_reminds": [],
        "overdue_reminds": [],
        "overdue_shown_days": 0,
    }
    chart = load("chart", quiet).chart
    assert (chart.next_step_shown_days, chart.due_reminds) == (0, frozenset())


def test_by_default_the_review_reminds_of_higher_risks_only_and_ends_by_itself():
    """Opening a chart must not nag."""
    chart = default_policy().chart
    assert Reminded.HIGH in chart.due_reminds <= chart.overdue_reminds
    for group in (Reminded.BELOW_AVERAGE, Reminded.NOT_SCORED):
        assert group not in chart.overdue_reminds
    assert 0 < chart.findings_from_days <= default_policy().follow_up.review_from_days
    assert 0 < chart.overdue_shown_days < default_policy().follow_up.horizon_days


@pytest.mark.parametrize(
    "path", ["bands.high", "windows", "chart.due_reminds", "approval.approved_on"]
)
def test_a_missing_field_is_refused_not_defaulted(load, path):
    """A threshold that nobody wrote down is not made up."""
    name = path.rpartition(".")[2]
    with pytest.raises(PolicyError, match=f"{name}: missing"):
        load(path, remove=True)


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe\x00", b""], ids=repr)
def test_a_broken_file_is_refused_by_name(tmp_path, content):
    """No traceback: file and fault."""
    file = tmp_path / "policy.yaml"
    file.write_bytes(content)
    with pytest.raises(PolicyError, match=r"policy\.yaml"):
        load_policy(file)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path):
    """The path stands in the message."""
    with pytest.raises(PolicyError, match=r"nowhere\.yaml: cannot be read"):
        load_policy(tmp_path / "nowhere.yaml")
