"""The model card: complete, typed where nothing is known, no number typed twice."""

import importlib.util
import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from service.app import create_app
from service.config import VARIABLES, Settings, SettingsError
from service.fields import FieldError
from service.metrics import SHARED_FOLDER
from service.model.artifact import (
    bundled_models,
    canonical_digest,
    load_bundled,
    load_model,
)
from service.model.published import COEFFICIENTS, INCIDENCES, PERFORMANCES
from service.model_card.card import ModelCard, Now
from service.model_card.chai import NAMESPACE
from service.model_card.content import read_content
from service.model_card.local import ValidationFileError, read_validation
from service.model_card.local_words import COMMON
from service.parts import build_parts
from tests.app.page_words import english

ROOT = Path(__file__).parents[2]
DATA = ROOT / "service/data/model_card"
MODELS = sorted(bundled_models())
TODAY = date(2026, 12, 24)

#: The headings of 170.315(b)(11)(iv)(B), with the number of attributes of each.
CATEGORIES = [4, 4, 2, 4, 2, 4, 5, 4, 2]

#: Attributes for which the rule asks that it is said when there is nothing.
SAID_WHEN_MISSING = [17, 18, 19, 20, 23, 24, 25, 27, 29]

#: schema.xsd of the CHAI Applied Model Card, version 0.2: elements in their order; what
#: may be missing has a question mark, what may be repeated a star.
CHAI = {
    "": "BasicInfo ReleaseInfo ModelSummary UsesAndDirections Warnings TrustIngredients"
    " KeyMetrics Resources Bibliography",
    "BasicInfo": "ModelName ModelDeveloper DeveloperContact",
    "ReleaseInfo": "ReleaseStage ReleaseDate ReleaseVersion GlobalAvailability"
    " EHRCompatibility? RegulatoryApproval?",
    "EHRCompatibility": "EHR*",
    "ModelSummary": "Summary Keywords",
    "Keywords": "Keyword*",
    "UsesAndDirections": "IntendedUseAndWorkflow PrimaryIntendedUsers HowToUse"
    " TargetedPatientPopulation CautionedOutOfScopeSettings",
    "Warnings": "KnownRisksAndLimitations KnownBiasesOrEthicalConsiderations"
    " ClinicalRiskLevel",
    "TrustIngredients": "AISystemFacts TransparencyInformation",
    "AISystemFacts": "OutcomesAndOutputs ModelType FoundationModels? InputDataSource"
    " OutputAndInputDataTypes DevelopmentDataCharacterization BiasMitigationApproaches"
    " OngoingMaintenance Security? Transparency?",
    "TransparencyInformation": "FundingSource ThirdPartyInformation?"
    " StakeholdersConsulted",
    "KeyMetrics": "UsefulnessUsabilityEfficacy FairnessEquity SafetyReliability",
    **dict.fromkeys(
        ["UsefulnessUsabilityEfficacy", "FairnessEquity", "SafetyReliability"],
        "MetricGoal Results Interpretation TestType TestingDataDescription"
        " ValidationProcessAndJustification",
    ),
    "Results": "MetricResult*",
    "MetricResult": "Label ValueJson",
    "Resources": "EvaluationReferences? ClinicalTrial? PeerReviewedPublications"
    " ReimbursementStatus? PatientConsentOrDisclosure",
}


def now(mode="anchored", **changed):
    """The moment at which a card is looked at."""
    moment = Now(mode=mode, stopped=None, is_expired=False, today=TODAY)
    return replace(moment, **changed)


def card_of(model_id="liu-nomogram", mode="anchored", **changed):
    """The whole card of a bundled model."""
    return ModelCard(load_bundled(model_id)).document(now(mode, **changed))


@pytest.fixture
def settings(monkeypatch):
    """Settings of open mode, and nothing of this machine."""
    for name in [*VARIABLES, SHARED_FOLDER]:
        monkeypatch.delenv(name, raising=False)
    return Settings.from_env(is_open=True)


def results(model, **changed):
    """A results.json as `scnen-cds validate` writes it, cut to what is read."""
    names = ("intercept_in_the_large", "slope", "observed_expected", "ici")
    content = {
        "model": {"id": model.id, "version": model.version, "digest": model.digest},
        "cohort": {"sha256": "0" * 64, "is_synthetic": False},
        "software": "0.1.0",
        "n": 412,
        "events": 57,
        "auc": 0.731,
        "auc_ci": [0.66, 0.8],
        "brier": 0.11,
        "calibration": {
            **dict.fromkeys(names, 0.9),
            "intervals": {name: [0.7, None] for name in names},
        },
        "subgroups": [
            {
                "grouping": "segment",
                "label": "thoracic",
                "note": "fewer than 10 events",
            },
            {
                "grouping": "sex",
                "label": "female",
                "n": 300,
                "events": 41,
                "auc": 0.7,
                "auc_ci": [0.6, 0.8],
                "observed_expected": 1.1,
                "observed_expected_ci": [0.8, 1.5],
            },
        ],
    }
    return {**content, **changed}


@pytest.fixture
def write(tmp_path):
    """Write a results.json."""

    def write_one(content):
        path = tmp_path / "results.json"
        path.write_text(json.dumps(content), "utf-8")
        return path

    return write_one


def recalibrated(folder, **changed):
    """An artifact made from the bundled one, as a site has it."""
    content = json.loads(bundled_models()["liu-nomogram"].read_bytes())
    content |= {
        "id": "north",
        "mode": "calibrated",
        "parent": f"liu-nomogram 1.0.0 {content['digest']}",
        "calibration": {
            "method": "intercept estimated on local patients",
            "n": 412,
            "events": 57,
            "first_operation": "2023-01-07",
            "last_operation": "2024-01-30",
            "interval": [1.7, 2.4],
            "approved_by": ["A. Surgeon"],
            "approved_on": "2024-03-10",
            "valid_until": "2027-03-10",
            "data_digest": "sha256:00",
            "code_version": "0.1.0",
        },
        **changed,
    }
    content["digest"] = canonical_digest(content)
    path = folder / "north.json"
    path.write_text(json.dumps(content), "utf-8")
    return load_model(path, today=TODAY)


@pytest.mark.parametrize("model_id", MODELS)
@pytest.mark.parametrize("mode", ["anchored", "relative"])
def test_all_31_source_attributes_are_there_with_a_value_or_a_typed_reason(
    model_id, mode
):
    """45 CFR 170.315(b)(11): none is missing and none is empty."""
    attributes = card_of(model_id, mode)["source_attributes"]
    assert [each["number"] for each in attributes] == list(range(1, 32))
    for each in attributes:
        assert (each["value"] is None) == (each["status"] == "not_available")
        assert (each["reason"] is None) == (each["status"] == "available")
        assert each["words"].strip()
        assert re.match(r"(paper|ours)", each["source"])


def test_the_attributes_stand_under_the_nine_headings_of_the_rule():
    """Four under details and output, and so on."""
    counts = {}
    for each in card_of()["source_attributes"]:
        counts[each["category"]] = counts.get(each["category"], 0) + 1
    assert list(counts.values()) == CATEGORIES


@pytest.mark.parametrize("number", SAID_WHEN_MISSING)
def test_what_nobody_has_done_is_said_in_so_many_words(number):
    """External validation, its fairness, outcomes, and anything local."""
    each = card_of()["source_attributes"][number - 1]
    assert each["words"].startswith("Not available: ")
    assert each["reason"] in {"not_done", "not_yet_measured_locally"}


def test_none_of_the_nine_demographic_variables_is_an_input():
    """And the card does not take that for fairness."""
    value = card_of()["source_attributes"][11]["value"]
    assert value.startswith("None of the nine is an input")
    assert "does not show that the output is fair" in value


@pytest.mark.parametrize("model_id", MODELS)
def test_the_card_was_written_for_the_artifact_that_ships(model_id):
    """An artifact that changes without its card fails here: read the card again."""
    assert read_content().written_for[model_id] == load_bundled(model_id).digest
    assert card_of(model_id)["card"]["is_written_for_this_model"]


@pytest.mark.parametrize("model_id", MODELS)
def test_numbers_and_pictures_of_the_derivation_are_what_the_script_makes(
    model_id, script, tmp_path
):
    """They are made again from the derivation, and drawn at the same places."""
    made = script.numbers(model_id)
    kept = json.loads((DATA / f"derivation/{model_id}.json").read_bytes())
    assert kept["digest"] == load_bundled(model_id).digest
    assert [*numbers(made)] == pytest.approx([*numbers(kept)], abs=2e-4)
    for name, svg in script.pictures(model_id, made).items():
        stored = (DATA / f"derivation/{model_id}-{name}.svg").read_text("utf-8")
        figure = r"-?\d+\.?\d*"
        assert re.sub(figure, "#", svg) == re.sub(figure, "#", stored)
        places = [[*map(float, re.findall(figure, each))] for each in (svg, stored)]
        assert places[0] == pytest.approx(places[1], abs=0.2)


@pytest.fixture(scope="module")
def script():
    """The script that makes them."""
    path = ROOT / "scripts/build_model_card.py"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(path.parent)
        spec = importlib.util.spec_from_file_location("build_model_card", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


def numbers(value):
    """Every number of a document, in its order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from numbers(each)
    elif isinstance(value, int | float):
        yield value


def printed_numbers():
    """Numbers of artifact and tables, as somebody would type them."""
    typed = {str(count) for pair in INCIDENCES for count in pair} | {"103"}
    for each in PERFORMANCES:
        figures = [*each.auc, each.mean_absolute_error, each.hosmer_lemeshow_p]
        typed |= {f"{figure:.{digits}f}" for figure in figures for digits in (3, 4)}
    for model_id in MODELS:
        model = load_bundled(model_id)
        typed |= {str(model.intercept.value)}
    return typed | {str(abs(each.beta)) for each in COEFFICIENTS.values()}


@pytest.mark.parametrize("file", sorted(DATA.glob("*.json")), ids=lambda f: f.name)
def test_no_number_of_the_artifact_or_the_tables_is_typed_again(file):
    """The words name it, and it is filled in."""
    text = re.sub(r"sha256:\w+", "", file.read_text("utf-8"))
    found = set(re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]|\.\d)", text))
    assert not found & printed_numbers()


def test_every_number_that_is_filled_in_is_the_artifacts_or_the_tables():
    """The areas and counts of the paper stand in attribute 21."""
    value = card_of()["source_attributes"][20]["value"]
    model = load_bundled("liu-nomogram")
    assert f"{model.provenance.n} patients, {model.provenance.events} events" in value
    for each in PERFORMANCES:
        assert f"{each.auc[0]:.3f} (95 % interval" in value


def test_numbers_typed_in_the_card_stand_in_the_paper_with_their_place():
    """Each has its source beside it."""
    rows = json.loads((DATA / "card.json").read_bytes())["numbers"]
    assert all(row["source"].startswith("paper: ") for row in rows.values())


@pytest.mark.parametrize("model_id", MODELS)
def test_a_text_of_the_card_leaves_no_blank_unfilled(model_id):
    """No brace is left over."""
    card = card_of(model_id)
    del (
        card["applied_model_card"]["Bibliography"],
        card["applied_model_card"]["KeyMetrics"],
    )
    for part in ("source_attributes", "model_facts", "tripod_ai", "applied_model_card"):
        assert not re.search(r"\{[a-z_]+\}", json.dumps(card[part]))


@pytest.mark.parametrize(
    ("today", "overdue"), [(date(2027, 5, 31), False), (date(2027, 6, 1), True)]
)
def test_a_card_past_its_review_date_says_so(today, overdue):
    """From the day after on, for the card and each attribute."""
    card = card_of(today=today)
    assert card["card"]["is_review_overdue"] is overdue
    assert {each["is_review_overdue"] for each in card["source_attributes"]} == {
        overdue
    }


def test_tripod_answers_every_item_of_the_list_with_verdict_and_place():
    """The items are those of the checklist for new models."""
    items = json.loads((ROOT / "service/data/tripod-ai.json").read_bytes())
    answers = card_of()["tripod_ai"]
    assert [each["id"] for each in answers] == [item["item"] for item in items]
    assert {each["name"] for each in answers} == {item["asks"] for item in items}
    whole = next(each for each in answers if each["id"] == "22")
    assert whole["verdict"] == "not_reported"


def test_probast_rates_four_domains_twice_and_says_who_has_not_yet():
    """Development and evaluation; a second rater is missing."""
    found = card_of()["probast_ai"]
    ids = [each["id"] for each in found["domains"]]
    for part in ("development", "evaluation"):
        for domain in ("participants", "predictors", "outcome", "analysis"):
            assert f"{part}_{domain}" in ids
    assert "second, independent rater is missing" in found["note"]


#: Moons et al., BMJ 2025: signalling questions by domain, sixteen and eighteen.
QUESTIONS = {"development": [3, 4, 4, 5], "evaluation": [3, 4, 4, 7]}
#: The only ones that may not apply.
CONDITIONAL = {"development_4_4", "evaluation_4_4", "evaluation_4_5", "evaluation_4_6"}


def test_probast_answers_every_signalling_question_with_a_reason_and_its_place():
    """In the order of the tool, in its words for an answer."""
    answers = card_of()["probast_ai"]["questions"]
    assert [each["id"] for each in answers] == [
        f"{part}_{domain}_{number}"
        for part, counts in QUESTIONS.items()
        for domain, count in enumerate(counts, 1)
        for number in range(1, count + 1)
    ]
    for each in answers:
        assert each["name"].endswith("?")
        assert each["text"]
        assert each["source"].startswith("paper: ")
        assert each["verdict"] != "not_applicable" or each["id"] in CONDITIONAL


def test_no_domain_is_rated_better_than_its_questions_are_answered():
    """A no is a high concern, and what is not known is not low."""
    found = card_of()["probast_ai"]
    said = {each["id"]: each["verdict"] for each in found["domains"]}
    domains = ("participants", "predictors", "outcome", "analysis")
    for each in found["questions"]:
        part, domain, _ = each["id"].split("_")
        verdict = said[f"{part}_{domains[int(domain) - 1]}"]
        if each["verdict"] in {"no", "probably_no"}:
            assert verdict == "high", each["id"]
        if each["verdict"] == "no_information":
            assert verdict != "low", each["id"]


def children(name):
    """Elements of the schema below one, with the sign of how often."""
    return [re.fullmatch(r"(\w+)([?*]?)", each).groups() for each in CHAI[name].split()]


def check_element(element):
    """Compare an element with the schema."""
    name = element.tag.removeprefix(f"{{{NAMESPACE}}}")
    name = "" if name == "AppliedModelCard" else name
    if name not in CHAI:
        assert element.text.strip(), name
        return
    found = [each.tag.removeprefix(f"{{{NAMESPACE}}}") for each in element]
    order = [each for each, _ in children(name)]
    assert found == sorted(found, key=order.index)
    for each, often in children(name):
        assert found.count(each) >= (0 if often == "?" else 1), each
        assert often == "*" or found.count(each) <= 1, each
    for each in element:
        check_element(each)


@pytest.mark.parametrize("path", ["/model/chai.xml"])
def test_the_card_of_the_coalition_has_every_element_in_the_schemas_order(client, path):
    """Its schema is a sequence: order counts."""
    root = ET.fromstring(client.get(path).data)  # noqa: S314 our own answer
    assert root.tag == f"{{{NAMESPACE}}}AppliedModelCard"
    check_element(root)


def test_results_of_the_coalitions_card_are_json():
    """Estimates with their intervals, as the published cards have them."""
    metrics = card_of()["applied_model_card"]["KeyMetrics"]
    first = metrics["UsefulnessUsabilityEfficacy"]["Results"][0]
    value, low, high = PERFORMANCES[0].auc
    assert json.loads(first["ValueJson"]) == {
        "kind": "estimate_ci",
        "estimate": value,
        "lower": low,
        "upper": high,
        "level": 95,
    }


@pytest.mark.parametrize("model_id", MODELS)
def test_without_probabilities_the_card_shows_no_intercept(model_id, settings):
    """What is not used is not shown, neither as number nor drawn."""
    model = load_bundled(model_id)
    relative = replace(settings, model=model_id, output_mode="relative")
    client = create_app(relative).test_client()
    page, card = client.get("/model").text, client.get("/model.json").json
    assert str(model.intercept.value) not in page
    assert "intercepts" not in card["derivation"]
    assert "No probability" in card["source_attributes"][2]["value"]
    assert "anchor" not in re.findall(rf'id="{model_id}-(\w+)"', page)


def test_with_probabilities_the_page_shows_what_moves_the_intercept(client):
    """Incidences, dependence, the coding of the method, each with its number."""
    page = client.get("/model").text
    for part in ("41 of 237", "60 of 340", "70 of 340", "2.305", "Another coding"):
        assert part in page
    assert page.count('<svg xmlns="http://www.w3.org/2000/svg" class="figure"') == 4


def test_page_and_json_are_one_card(client):
    """Nothing is said in one that the other does not know."""
    page, card = client.get("/model").text, client.get("/model.json").json
    for each in card["source_attributes"]:
        assert f"{each['number']}. {each['name']}" in page
    assert card["model"]["digest"] in page
    assert card["card"]["review_by"] in page


def test_the_example_of_the_document_is_a_real_attribute(client):
    """It can be relied on."""
    document = yaml.safe_load((ROOT / "openapi.yaml").read_text("utf-8"))
    (example,) = document["components"]["schemas"]["SourceAttribute"]["examples"]
    real = client.get("/model.json").json["source_attributes"][example["number"] - 1]
    moment = {"is_review_overdue": example["is_review_overdue"]}
    assert {**real, **moment} == example


def test_the_switch_is_seen_in_the_card(settings, tmp_path):
    """A program that reads the card knows that nobody is assessed."""
    stop = tmp_path / "stop"
    stop.write_text("off")
    client = create_app(replace(settings, stop_file=stop)).test_client()
    assert client.get("/model.json").json["stopped"] == "off"
    assert "advice switched off" in client.get("/model/facts").text
    assert "none: switched off" in client.get("/model").text


def test_a_recalibrated_model_keeps_the_studys_card_and_adds_its_own_patients(tmp_path):
    """Its slopes are the study's; being right on average is no validation."""
    model = recalibrated(tmp_path, variants=[])
    card = ModelCard(model).document(now("calibrated"))
    assert card["card"]["is_written_for_this_model"]
    assert card["derivation"] is None
    validity = card["source_attributes"][26]
    assert validity["status"] == "not_available"
    assert "412 local patients, 57 with the outcome" in validity["words"]
    assert "no validation" in validity["words"]


def test_of_a_model_that_is_not_the_studys_nothing_of_the_study_is_said(tmp_path):
    """What only its makers know is not available, and the appraisals are gone."""
    content = json.loads(bundled_models()["liu-nomogram"].read_bytes())
    provenance = content["provenance"] | {"citation": "Developed here."}
    model = recalibrated(tmp_path, variants=[], provenance=provenance)
    card = ModelCard(model).document(now("calibrated"))
    assert not card["card"]["is_written_for_this_model"]
    reasons = {each["reason"] for each in card["source_attributes"]}
    assert reasons == {"not_written_for_this_model", "not_yet_measured_locally"}
    assert card["tripod_ai"] == card["performance"]["study"] == []
    assert "Wuxi" not in json.dumps({**card, "card": None})


def test_the_page_of_a_model_that_is_not_the_studys_says_so(settings, tmp_path):
    """Before anything else."""
    content = json.loads(bundled_models()["liu-nomogram"].read_bytes())
    provenance = content["provenance"] | {"citation": "Developed here."}
    recalibrated(tmp_path, variants=[], provenance=provenance)
    own = replace(
        settings, model=str(tmp_path / "north.json"), output_mode="calibrated"
    )
    page = create_app(own).test_client().get("/model").text
    assert "The model card that ships is about another model" in page
    assert "Wuxi" not in page


def test_a_local_validation_stands_beside_the_studys_figures(settings, write):
    """On the page, in the attributes, in the coalition's card."""
    path = write(results(load_bundled("liu-nomogram")))
    client = create_app(replace(settings, validation_file=path)).test_client()
    card, page = client.get("/model.json").json, client.get("/model").text
    assert card["performance"]["local"]["auc"] == [0.731, 0.66, 0.8]
    validity, fairness = (card["source_attributes"][n] for n in (26, 28))
    assert "412 patients of this hospital, 57 with the outcome" in validity["value"]
    assert fairness["value"].startswith("By sex:")
    assert "0.731 (0.660 to 0.800)" in page
    assert "0.90" in page
    assert "not shown: fewer than 10 events" in page
    xml = client.get("/model/chai.xml").text
    assert "AUC, local patients" in xml


@pytest.mark.parametrize("mode", ["anchored", "relative"])
def test_local_figures_are_told_in_chinese(settings, write, mode):
    """With the numbers of the file; what is hidden says why."""
    content = results(load_bundled("liu-nomogram"))
    content["subgroups"][0]["note"] = COMMON[-1]
    here = replace(settings, validation_file=write(content), output_mode=mode)
    client = create_app(here).test_client()
    page = client.get("/model?lang=zh-Hans").text
    assert "已在本院 412 名患者中验证，其中 57 例发生结局" in page
    assert "ROC 曲线下面积 0.731（95% 区间 0.660 至 0.800）" in page
    assert "按性别分组" in page
    assert "未显示：已隐藏：发生或未发生结局的患者少于 10 名" in page
    assert english(page) == set()
    assert english(client.get("/model/facts?lang=zh-Hans").text) == set()


def test_a_recalibrated_model_is_told_in_chinese(settings, tmp_path):
    """What its artifact says in English is marked so."""
    recalibrated(tmp_path, variants=[])
    own = replace(
        settings, model=str(tmp_path / "north.json"), output_mode="calibrated"
    )
    page = create_app(own).test_client().get("/model?lang=zh-Hans").text
    assert "已用 412 名本院患者重新校准，其中 57 例发生结局" in page
    assert "这不是验证" in page


def test_why_a_group_is_hidden_is_what_the_validation_says():
    """Word for word, or it has no translation."""
    subgroups = pytest.importorskip("service.validation.subgroups")
    assert COMMON[-1] == subgroups._HIDDEN


def test_groups_by_inputs_are_no_fairness(write):
    """Segment and method are looked at always, and are no groups of people."""
    model = load_bundled("liu-nomogram")
    content = results(model)
    content["subgroups"] = content["subgroups"][:1]
    card = ModelCard(model, read_validation(write(content), model))
    fairness = card.document(now())["source_attributes"][28]
    assert fairness["reason"] == "not_yet_measured_locally"
    assert "segment and method only" in fairness["words"]


SYNTHETIC = {"sha256": "0" * 64, "is_synthetic": True}


def test_synthetic_patients_are_called_so(settings, write):
    """In open mode, where a demonstration may show them."""
    path = write(results(load_bundled("liu-nomogram"), cohort=SYNTHETIC))
    client = create_app(replace(settings, validation_file=path)).test_client()
    assert "SYNTHETIC patients" in client.get("/model").text
    told = client.get("/model.json").json["source_attributes"][26]["value"]
    assert told.startswith("SYNTHETIC patients")


def test_synthetic_patients_are_refused_outside_of_open_mode(settings, write):
    """No committee is shown figures of patients who do not exist."""
    path = write(results(load_bundled("liu-nomogram"), cohort=SYNTHETIC))
    with pytest.raises(SettingsError, match=r"VALIDATION_FILE: .*synthetic patients"):
        build_parts(replace(settings, validation_file=path, is_open=False))


def test_figures_of_another_model_are_refused_at_start(settings, write):
    """By digest: a name can be the same."""
    path = write(results(load_bundled("liu-table2")))
    with pytest.raises(
        SettingsError, match=r"VALIDATION_FILE: .*is about liu-table2 .*liu-nomogram"
    ):
        build_parts(replace(settings, validation_file=path))


def test_figures_of_the_running_model_are_taken_whatever_it_is(settings, write):
    """The other bundled model has a card as well."""
    path = write(results(load_bundled("liu-table2")))
    other = replace(settings, model="liu-table2", validation_file=path)
    assert build_parts(other).validation.n == 412


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n": 0}, "n: must be a whole number from 1"),
        ({"events": 412}, "events: must be fewer than the 412"),
        ({"auc": "0.7"}, "auc: must be a number"),
        ({"auc_ci": [0.1]}, "auc_ci: must be two numbers"),
        ({"calibration": {}}, "missing: this is no results.json"),
        ({"cohort": {"sha256": "0", "is_synthetic": "no"}}, "must be true or false"),
        ({"subgroups": {}}, "subgroups: must be a list"),
        ({"is_population_prevalence": True}, "were sampled by outcome"),
        ({"subgroups": [1]}, r"subgroups\[0\]: must be an object"),
        (
            {"subgroups": [{"grouping": "sex", "label": "female", "n": -1}]},
            r"subgroups\[0\]\.n: must be a whole number",
        ),
    ],
)
def test_a_results_file_that_is_none_is_refused_with_field_and_reason(
    write, changed, message
):
    """A figure that is not one is never shown."""
    model = load_bundled("liu-nomogram")
    with pytest.raises(ValidationFileError, match=message):
        read_validation(write(results(model, **changed)), model)


def test_a_results_file_that_cannot_be_read_is_refused(tmp_path):
    """With its path."""
    with pytest.raises(ValidationFileError, match=r"gone\.json: cannot be read"):
        read_validation(tmp_path / "gone.json", load_bundled("liu-nomogram"))


@pytest.fixture
def words(tmp_path):
    """A copy of the words that a test may spoil."""

    def spoil(file, old, new):
        for each in DATA.glob("*.json"):
            text = each.read_text("utf-8")
            if each.name == file:
                assert old in text
                text = text.replace(old, new, 1)
            (tmp_path / each.name).write_text(text, "utf-8")
        return tmp_path

    return spoil


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("source-attributes.json", '"not_done"', '"soon"', "unknown reason soon"),
        ("source-attributes.json", '"text": "Prediction."', '"note": "x"', "one of"),
        ("source-attributes.json", '"source": "ours"', '"source": "me"', "begin with"),
        ("tripod-ai.json", '"partly"', '"mostly"', "not one of the verdicts"),
        ("card.json", '"2027-05-31"', '"soon"', "review_by: must be a day"),
    ],
)
def test_words_without_reason_source_or_date_are_refused(
    words, file, old, new, message
):
    """A card cannot be edited into something that says less than it seems."""
    with pytest.raises(FieldError, match=message):
        read_content(words(file, old, new))
