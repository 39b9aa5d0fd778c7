"""The nomogram's address: scores what is entered as a card would, and keeps nothing."""

import json
import logging
import math
from importlib.resources import files

import pytest
import yaml

from service.app import create_app
from service.config import Settings
from service.switch import Order, Stop, stop_now

#: The first synthetic patient; its card stands in the README.
KNOWN = {
    "segment": "lumbar",
    "method": "pvp",
    "cement_ratio_percent": 41,
    "cobb_preoperative_deg": 15,
    "cobb_postoperative_deg": 10.5,
}
PROBABILITIES = ("risk", "interval", "other_readings", "reading_error", "bounds")
RATIO = "cobb_restoration_ratio_percent"


@pytest.fixture
def ask(client):
    """Enter values, get the answer."""

    def ask_for(inputs, model="liu-nomogram", **more):
        answer = client.post(
            "/nomogram/score", json={"model": model, "inputs": inputs, **more}
        )
        assert answer.status_code == 200, answer.text
        return answer.json

    return ask_for


@pytest.fixture
def problem(client):
    """Send something wrong, get what is said of it."""

    def problem_of(body, status=400):
        answer = client.post("/nomogram/score", json=body)
        assert answer.status_code == status
        return " ".join(
            issue.get("diagnostics", "") + issue.get("details", {}).get("text", "")
            for issue in answer.json["issue"]
        )

    return problem_of


def serving(monkeypatch, **variables):
    """The service under other settings."""
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    return create_app(Settings.from_env(is_open=True)).test_client()


def test_the_risk_is_that_of_the_published_coefficients(ask):
    """By hand: 2.048 + 1.608 - 2 x 0.599 - 41 x 0.045 - 30 x 0.027."""
    log_odds = 2.048 + 1.608 - 2 * 0.599 - 41 * 0.045 - 30 * 0.027
    found = ask(KNOWN)
    assert found["risk"] == pytest.approx(1 / (1 + math.exp(-log_odds)))
    assert found["inputs"][RATIO] == pytest.approx(30)


def test_all_that_the_card_says_of_a_patient_is_said_here(ask):
    """Number, ranges and points of the card in the README."""
    words = ask(KNOWN)["words"]
    text = " ".join(words["sentences"])
    assert words["number"] == "about 45 of 100"
    assert "approximate 95 % interval 31 to 60" in text
    assert "other readings of the same study 40 to 51" in text
    assert "off by up to 3°, 28 to 72" in text
    assert "more than 93 of 100" in text
    assert "high (from 25 of 100)" in text
    assert list(words["points"].values()) == ["51", "19", "63", "60"]
    assert words["total_points"] == "193"
    assert "not to local data" in words["standing"]
    assert "Thresholds not approved locally" in words["standing"]


def test_contributions_are_odds_against_the_mean_of_table_1(ask):
    """Lumbar: e to the 1.608 x (1 - 0.6835)."""
    odds = ask(KNOWN)["words"]["odds"]["segment"]
    assert odds == f"× {math.exp(1.608 * (1 - 0.6835)):.2f}"


def test_the_five_term_equation_counts_the_angle_afterwards(ask):
    """By hand, with 0.091 for each degree."""
    log_odds = 1.431 + 1.608 - 2 * 0.599 - 41 * 0.045 - 30 * 0.027 + 10.5 * 0.091
    found = ask(KNOWN, model="liu-table2")
    assert found["risk"] == pytest.approx(1 / (1 + math.exp(-log_odds)))
    assert found["model"]["id"] == "liu-table2"


def test_another_band_by_the_other_equation_is_told(ask):
    """As on a card: two readings of one study disagree."""
    inputs = {**KNOWN, "cement_ratio_percent": 65}
    here, there = ask(inputs), ask(inputs, model="liu-table2")
    assert here["band"] != there["band"]
    assert "five-term equation" in " ".join(here["words"]["sentences"])
    assert "four-factor equation" in " ".join(there["words"]["sentences"])


def test_nothing_entered_gives_bounds_and_no_number(ask):
    """The whole range of the study is no estimate."""
    found = ask({})
    assert found["risk"] is None
    assert found["band"] is None
    assert len(found["missing"]) == 4
    low, high = found["bounds"]
    assert 0 < low < 0.01
    assert 0.9 < high < 1
    assert "bounds, not an estimate" in " ".join(found["words"]["sentences"])
    assert found["words"]["total_points"] == ""


def test_bounds_are_those_of_the_ends_of_what_is_missing(ask):
    """Cement from 85 to 18 %, all else known."""
    known = {k: v for k, v in KNOWN.items() if k != "cement_ratio_percent"}
    ends = [ask({**KNOWN, "cement_ratio_percent": end})["risk"] for end in (85, 18)]
    found = ask(known)
    assert found["bounds"] == pytest.approx(ends)
    assert found["total_points_range"] == pytest.approx(
        [
            ask({**KNOWN, "cement_ratio_percent": end})["total_points"]
            for end in (85, 18)
        ]
    )


def test_relative_holds_no_probability_and_no_way_to_one(ask):
    """Points and percentile only, whether complete or not."""
    for inputs in (KNOWN, {}):
        found = ask(inputs, mode="relative")
        assert found["model"]["mode"] == "relative"
        assert all(found[name] is None for name in (*PROBABILITIES, "band"))
        assert found["words"]["odds"] == {}
        said = " ".join([found["words"]["number"], *found["words"]["sentences"]])
        assert "risk" not in said
    assert ask(KNOWN, mode="relative")["percentile"] == pytest.approx(93.57, abs=0.01)


@pytest.mark.parametrize(
    ("cement", "said"), [(41, "Follow-up is suggested"), (80, "Below the percentile")]
)
def test_relative_tells_what_the_policy_makes_of_it(ask, cement, said):
    """The percentile of the policy stands for the band."""
    found = ask({**KNOWN, "cement_ratio_percent": cement}, mode="relative")
    assert any(each.startswith(said) for each in found["words"]["sentences"])


@pytest.mark.parametrize("mode", [None, "anchored"])
def test_a_server_without_probabilities_gives_none_whatever_is_asked_for(
    monkeypatch, mode
):
    """Neither the page nor its address."""
    client = serving(monkeypatch, SCNEN_OUTPUT_MODE="relative")
    body = {"model": "liu-table2", "mode": mode, "inputs": KNOWN}
    found = client.post("/nomogram/score", json=body).json
    assert found["model"]["mode"] == "relative"
    assert found["risk"] is None
    page = client.get("/nomogram").text
    assert "Risk within six months" not in page
    assert 'data-mode="anchored"' not in page
    assert "gives no probability now" in page


def test_the_switch_takes_the_probabilities_away_at_once(monkeypatch, tmp_path):
    """`scnen-cds stop --relative` counts here as for cards."""
    file = tmp_path / "stop"
    stop_now(file, Order(Stop.RELATIVE))
    client = serving(monkeypatch, SCNEN_STOP_FILE=file)
    body = {"model": "liu-nomogram", "mode": "anchored", "inputs": KNOWN}
    assert client.post("/nomogram/score", json=body).json["risk"] is None
    assert "Risk within six months" not in client.get("/nomogram").text


def test_when_all_is_switched_off_nobody_is_scored(monkeypatch, tmp_path):
    """The page says so, and has neither form nor drawing."""
    file = tmp_path / "stop"
    stop_now(file, Order(Stop.OFF))
    client = serving(monkeypatch, SCNEN_STOP_FILE=file)
    answer = client.post(
        "/nomogram/score", json={"model": "liu-nomogram", "inputs": KNOWN}
    )
    assert answer.status_code == 503
    assert "switched off" in answer.text
    page = client.get("/nomogram").text
    assert "nobody is assessed" in page
    assert "<svg" not in page
    assert "<form" not in page


def test_screws_without_cement_get_no_number(ask):
    """Every patient of the study had cement."""
    found = ask({**KNOWN, "method": "pedicle_screw", "cement_ratio_percent": 0})
    assert found["words"]["number"] == "no number"
    assert found["points"] == {}
    assert found["total_points_range"] is None
    assert all(found[name] is None for name in PROBABILITIES)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [(0, 6, "undefined, since the angle before"), (1, 60, "physically impossible")],
)
def test_angles_that_give_no_ratio_are_told_and_leave_it_missing(
    ask, before, after, why
):
    """No angle before, or a ratio that cannot exist."""
    angles = {"cobb_preoperative_deg": before, "cobb_postoperative_deg": after}
    found = ask({**KNOWN, **angles})
    assert found["missing"] == [RATIO]
    assert any(why in each for each in found["words"]["sentences"])


def test_what_makes_the_number_doubtful_is_told(ask):
    """A small angle, and values beyond the study."""
    angles = {"cobb_preoperative_deg": 4, "cobb_postoperative_deg": 2}
    found = ask({**KNOWN, **angles, "cement_ratio_percent": 90})
    text = " ".join(found["words"]["sentences"])
    assert "under 5°" in text
    assert "Cement ratio, AP film lies outside the range studied" in text
    assert found["extrapolated"] == ["cement_ratio_percent"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "body: must be an object"),
        ({"inputs": {}}, "model: must be one of liu-nomogram, liu-table2"),
        ({"model": 1, "inputs": {}}, "model: must be one of"),
        ({"model": "liu-nomogram"}, "inputs: must be an object"),
        ({"model": "liu-nomogram", "inputs": {}, "x": 1}, "body: may have the fields"),
        (
            {"model": "liu-nomogram", "inputs": {}, "mode": "calibrated"},
            "mode: must be one of anchored, relative",
        ),
        ({"model": "liu-nomogram", "inputs": {"Mrs Smith": 1}}, "inputs: may have"),
        (
            {"model": "liu-nomogram", "inputs": {"cement_ratio_percent": 4711}},
            "inputs.cement_ratio_percent: must be finite and in",
        ),
        (
            {"model": "liu-nomogram", "inputs": {"segment": "sacral"}},
            "inputs.segment: must be one of thoracic, lumbar",
        ),
        (
            {"model": "liu-nomogram", "inputs": {**KNOWN, RATIO: 30}},
            "comes from the two angles",
        ),
        (
            {
                "model": "liu-table2",
                "inputs": {
                    **KNOWN,
                    "cobb_preoperative_deg": -15,
                    "cobb_postoperative_deg": -10.5,
                },
            },
            "inputs.cobb_preoperative_deg: kyphosis is positive here",
        ),
    ],
)
def test_what_cannot_be_scored_is_named_without_its_value(problem, body, said):
    """Field and remedy; what was sent may be about a patient."""
    told = problem(body)
    assert said in told
    assert "4711" not in told
    assert "Smith" not in told


def test_a_body_is_small(client):
    """Six values need no more than 4 kB."""
    body = json.dumps({"model": "x" * 5000, "inputs": {}})
    answer = client.post("/nomogram/score", data=body, content_type="application/json")
    assert answer.status_code == 413


def test_nothing_that_was_entered_is_logged_or_kept(client, caplog):
    """Neither in the log nor in a cache."""
    caplog.set_level(logging.DEBUG)
    body = {"model": "liu-nomogram", "inputs": {**KNOWN, "cement_ratio_percent": 41.73}}
    answer = client.post("/nomogram/score", json=body)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "41.73" not in caplog.text
    assert "pvp" not in caplog.text
    assert client.get("/nomogram").headers["Cache-Control"] == "no-store"


def test_the_page_loads_nothing_from_elsewhere_and_is_in_no_frame(client):
    """The same headers as all pages, also on a refusal."""
    for answer in (
        client.get("/nomogram"),
        client.post("/nomogram/score", json={}),
    ):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self'; frame-ancestors 'none'")


def test_the_page_says_what_it_is(client):
    """Rebuilt intercept, not validated, not stored, what it is not for."""
    page = client.get("/nomogram").text
    for said in (
        "Table 2 coefficients, rebuilt intercept",
        "not stored",
        "no external validation exists",
        "What it is not for",
        "A reason for more cement or a second operation",
        "Without JavaScript nothing can be entered here",
    ):
        assert said in page


def test_bands_are_those_of_the_hospitals_policy(monkeypatch, tmp_path):
    """Another file, another band."""
    text = files("service").joinpath("data/policy/default.yaml").read_text("utf-8")
    policy = yaml.safe_load(text)
    policy["bands"] |= {"above_average": 0.4, "high": 0.6}
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(policy), "utf-8")
    client = serving(monkeypatch, SCNEN_POLICY_FILE=file)
    body = {"model": "liu-nomogram", "inputs": KNOWN}
    assert client.post("/nomogram/score", json=body).json["band"] == "above_average"
