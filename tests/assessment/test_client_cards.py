"""What a card becomes for a client: its capabilities decide, never its vendor."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from fhir.resources.condition import Condition
from fhir.resources.riskassessment import RiskAssessment
from fhir.resources.servicerequest import ServiceRequest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_hooks import Capabilities, Response, SMARTApp, dump_response
from cds_hooks.plaintext import plain_text
from cds_hooks.register import PRESETS, preset
from service.assessment import OutputMode
from service.clients import capabilities_of
from service.fhir.findings import Flag, Missing, Reason
from service.fhir.writing import written_in
from service.followup import Stage
from service.followup_cards import ChartComposer
from service.model.artifact import load_bundled
from service.orders import Subject
from service.policy import default_policy

GOLDEN = Path(__file__).parents[1] / "data" / "cards"
EVERYTHING = Capabilities(
    selection_behaviors=("any", "at-most-one"),
    actions_per_suggestion=None,
    action_resources=("ServiceRequest", "Condition", "RiskAssessment"),
    link_types=("absolute", "smart"),
)
TYPES = ("ServiceRequest", "Condition", "RiskAssessment", "MedicationRequest")
MODELS = {
    "Condition": Condition,
    "RiskAssessment": RiskAssessment,
    "ServiceRequest": ServiceRequest,
}

subsets = partial(st.lists, unique=True)
capabilities = st.builds(
    Capabilities,
    selection_behaviors=subsets(st.sampled_from(["any", "at-most-one"])).map(tuple),
    actions_per_suggestion=st.none() | st.integers(0, 3),
    action_resources=subsets(st.sampled_from(TYPES)).map(tuple),
    link_types=subsets(st.sampled_from(["absolute", "smart"])).map(tuple),
    app_context=st.booleans(),
    override_reasons=st.booleans(),
    detail=st.sampled_from(["gfm", "plain", "none"]),
)


@pytest.fixture(scope="module")
def chart_composer():
    return ChartComposer(
        model=load_bundled("liu-nomogram"),
        policy=default_policy(),
        public_url="https://cds.example.org/scnen",
        canonical_base="http://scnen-cds.example.org/fhir",
        secret_key=b"k" * 32,
    )


@pytest.fixture(scope="module")
def assessments(build):
    """A number, several, a gap, a limit of the study, each with its composer."""
    gap = build.vertebra(cement_ratio_percent=build.missing())
    outside = build.missing(Reason.NOT_APPLICABLE)
    return [
        (mode, build.assessed(*vertebrae, mode=mode))
        for mode in (OutputMode.ANCHORED, OutputMode.RELATIVE)
        for vertebrae in (
            [build.vertebra()],
            [build.vertebra(), build.vertebra(level="L3")],
            [gap],
            [build.vertebra(cement_ratio_percent=outside)],
        )
    ]


@pytest.fixture(scope="module")
def views(make_chart):
    """One of each stage."""
    tender = make_chart()
    tender.sign("scn-tender-point", value=True, when=tender.day(35))
    views = [
        make_chart().meets_criteria(40).read(41),
        tender.read(36),
        make_chart().read(30),
        make_chart().read(50),
    ]
    assert [view.stage for view in views] == list(Stage)
    return views


@pytest.fixture
def card_of(build):
    def card_of(can, *vertebrae, version="R4", mode=OutputMode.ANCHORED, **extraction):
        items = vertebrae or [build.vertebra()]
        assessment = build.assessed(*items, mode=mode, **extraction)
        composer = build.composer(mode=mode)
        (card,) = composer.compose(assessment, build.subject, can, version)
        return card

    return card_of


def resources(card):
    """What the suggestions of a card create."""
    return [a.resource for s in card.suggestions for a in s.actions]


def wire(card):
    """The card as it is sent."""
    return dump_response(Response(cards=(card,)))["cards"][0]


@pytest.mark.parametrize("name", PRESETS)
def test_card_of_each_preset_is_the_golden_one(card_of, chart, chart_composer, name):
    """At discharge and in an opened chart, to the letter; no app is registered."""
    can = capabilities_of(preset(name))
    (opened,) = chart_composer.compose(
        chart.meets_criteria(40).read(41), Subject("p1", "e1"), can
    )
    golden = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    assert {"discharge": wire(card_of(can)), "chart": wire(opened)} == golden


@pytest.mark.parametrize(
    ("name", "offered", "detail"),
    [
        ("generic", {"ServiceRequest"}, "gfm"),
        ("epic", {"ServiceRequest", "Condition"}, "gfm"),
        ("oracle-health", set(), "plain"),
        ("public-sandbox", {"ServiceRequest"}, "gfm"),
    ],
)
def test_golden_cards_hold_what_the_documents_of_each_ehr_say(name, offered, detail):
    """By the table of docs/clients.md, read off the files."""
    golden = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    found = {
        action["resource"]["resourceType"]
        for card in golden.values()
        for suggestion in card.get("suggestions", ())
        for action in suggestion["actions"]
    }
    assert found == offered
    is_markdown = ["**" in card["detail"] for card in golden.values()]
    assert is_markdown == [detail == "gfm"] * 2
    assert ("overrideReasons" in golden["discharge"]) is (name != "oracle-health")


class TestAnyClient:
    """Every combination of capabilities."""

    @settings(max_examples=60, deadline=None)
    @given(can=capabilities, version=st.sampled_from(["R4", "R4B", "R5"]))
    def test_gets_a_valid_card_with_nothing_it_cannot_take(
        self, build, assessments, can, version
    ):
        """And with the same uuid as any other client."""
        for mode, assessment in assessments:
            composer = build.composer(mode=mode)
            (card,) = composer.compose(assessment, build.subject, can, version)
            (usual,) = composer.compose(assessment, build.subject)
            check(card, can)
            assert card.uuid == usual.uuid
            assert card.detail in {None, usual.detail, plain_text(usual.detail)}

    @settings(max_examples=30, deadline=None)
    @given(can=capabilities, version=st.sampled_from(["R4", "R4B", "R5"]))
    def test_gets_a_valid_card_of_an_opened_chart(
        self, chart_composer, views, can, version
    ):
        """Of every stage."""
        for view in views:
            (card,) = chart_composer.compose(view, Subject("p1", None), can, version)
            check(card, can)


def check(card, can):
    """A card holds what its client can take, and nothing empty."""
    nothing_empty(wire(card))
    assert {r["resourceType"] for r in resources(card)} <= set(can.action_resources)
    for suggestion in card.suggestions:
        most = can.actions_per_suggestion
        assert most is None or 1 <= len(suggestion.actions) <= most
    if card.suggestions:
        assert card.selection_behavior in can.selection_behaviors
    uuids = [card.uuid, *(s.uuid for s in card.suggestions)]
    assert len(set(uuids)) == len(uuids)
    assert bool(card.override_reasons) is can.override_reasons
    assert {link.type for link in card.links} <= set(can.link_types)
    assert (card.detail is None) is (can.detail == "none")


def nothing_empty(value):
    """GEN-3: no null, empty string, list or object."""
    assert value not in (None, "", [], {})
    if isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            nothing_empty(child)


def test_each_type_is_offered_by_itself(card_of):
    """A client that takes only the RiskAssessment gets only that."""
    for kind in ("ServiceRequest", "RiskAssessment"):
        card = card_of(replace(EVERYTHING, action_resources=(kind,)))
        assert {r["resourceType"] for r in resources(card)} == {kind}


def test_uuids_of_suggestions_do_not_depend_on_what_else_is_offered(card_of):
    """Feedback names a suggestion, whatever the register says next week."""
    every = card_of(EVERYTHING)
    names = [s.uuid for s in every.suggestions]
    assert len(set(names)) == 3
    orders = card_of(Capabilities())
    assert [s.uuid for s in orders.suggestions] == names[:2]
    risk = card_of(replace(EVERYTHING, action_resources=("RiskAssessment",)))
    assert [s.uuid for s in risk.suggestions] == names[2:]
    assert [s.uuid for s in card_of(EVERYTHING, version="R5").suggestions] == names


def test_plain_detail_holds_every_line_of_the_table_and_no_markup(card_of):
    """A surgeon reads label and value."""
    detail = card_of(Capabilities(detail="plain")).detail
    lines = detail.splitlines()
    assert "Cement ratio, AP film: 41 %; Date: 2026-03-03; Points: 63" in lines
    for part in ("about 45 of 100", "First", "cement leak", "Limits:", "no external"):
        assert part.lower() in detail.lower()
    assert not any(mark in detail for mark in ("**", "|", "###", "\\", "&lt;"))


class TestSummaryAlone:
    """Where no detail is shown, the summary says what must not be missed."""

    ALONE = Capabilities(detail="none")

    @pytest.mark.parametrize("mode", [OutputMode.ANCHORED, OutputMode.RELATIVE])
    def test_of_a_number_sends_red_flags_ahead(self, card_of, mode):
        """Before anybody thinks of a nerve."""
        card = card_of(self.ALONE, mode=mode)
        assert card.detail is None
        assert card.summary.index("red flags") < card.summary.index("iliac crest")

    @pytest.mark.parametrize(
        ("changes", "extraction"),
        [
            ({"flags": frozenset({Flag.METHOD_INFERRED})}, {}),
            ({"conflicts": ("46 % and 47 %",)}, {}),
            ({}, {"unchecked": frozenset({"exclusions"})}),
            ({}, {"rejected": (("Observation/o9", "no code"),)}),
        ],
        ids=["flag", "conflict", "unchecked", "unread"],
    )
    def test_of_a_doubtful_number_says_so(self, build, card_of, changes, extraction):
        """What the detail would have held against it."""
        card = card_of(self.ALONE, build.vertebra(**changes), **extraction)
        assert "partly doubtful" in card.summary
        usual = card_of(Capabilities(), build.vertebra(**changes), **extraction)
        assert "doubtful" not in usual.summary
        assert "red flags" in card.summary

    def test_of_a_small_angle_says_so(self, build, card_of):
        """Three degrees of reading error change such a number much."""
        small = build.vertebra(
            cobb_preoperative_deg=build.measured(4.0, "deg"),
            cobb_postoperative_deg=build.measured(2.8, "deg"),
        )
        assert "partly doubtful" in card_of(self.ALONE, small).summary

    def test_of_two_equations_that_disagree_says_so(self, build, card_of):
        """The other band stands in the detail only."""
        assert "partly doubtful" in card_of(self.ALONE, build.disagreeing()).summary

    def test_of_several_and_of_extrapolated_numbers_keeps_that(self, build, card_of):
        """As with a detail, and red flags first."""
        several = card_of(self.ALONE, build.vertebra(), build.vertebra(level="L3"))
        assert "several vertebrae" in several.summary
        far = build.vertebra(cement_ratio_percent=build.measured(9.0, "%"))
        assert "beyond the range studied" in card_of(self.ALONE, far).summary

    def test_without_a_number_still_denies_that_there_is_no_risk(self, build, card_of):
        """The sentence is the same with and without a detail."""
        gap = build.vertebra(cement_ratio_percent=build.missing())
        with_detail = card_of(Capabilities(), gap).summary
        assert card_of(self.ALONE, gap).summary == with_detail
        assert "does not mean no risk" in with_detail

    @pytest.mark.parametrize("day", [30, 50], ids=["due", "overdue"])
    def test_of_a_reminder_sends_red_flags_ahead(self, chart_composer, chart, day):
        """Those of findings do so in any case."""
        (card,) = chart_composer.compose(
            chart.read(day), Subject("p1", "e1"), self.ALONE
        )
        assert card.summary.index("red flags") < card.summary.index("iliac crest")
        assert card.detail is None


class TestR5:
    """For a client whose server speaks FHIR R5."""

    def test_every_resource_of_a_discharge_is_valid(self, card_of):
        """By the R5 models of fhir.resources, which refuse unknown elements."""
        found = resources(card_of(EVERYTHING, version="R5"))
        assert len(found) == 3
        for resource in found:
            MODELS[resource["resourceType"]].model_validate(resource)

    def test_every_resource_of_a_chart_is_valid(self, chart_composer, make_chart):
        """Order and diagnosis, with their evidence."""
        tender = make_chart()
        tender.sign("scn-tender-point", value=True, when=tender.day(35), id="tender")
        views = [make_chart().meets_criteria(40).read(41), tender.read(36)]
        found = []
        for view in views:
            subject = Subject("p1", "e1")
            (card,) = chart_composer.compose(view, subject, EVERYTHING, "R5")
            found += resources(card)
        diagnosis, order = found
        Condition.model_validate(diagnosis)
        ServiceRequest.model_validate(order)
        assert diagnosis["evidence"][0] == {
            "reference": {"reference": "Observation/pain"}
        }
        assert [list(each) for each in order["reason"]] == [["concept"], ["reference"]]

    def test_code_reason_and_information_of_an_order_are_codeable_references(
        self, card_of
    ):
        """With the same content as in R4."""
        r4, r5 = (resources(card_of(EVERYTHING, version=v))[0] for v in ("R4", "R5"))
        assert r5["code"] == {"concept": r4["code"]}
        assert r5["reason"] == [{"concept": r4["reasonCode"][0]}]
        assert r5["supportingInfo"] == [{"reference": r4["supportingInfo"][0]}]
        assert r5["bodySite"] == r4["bodySite"]
        assert not {"reasonCode", "reasonReference"} & r5.keys()

    def test_r4b_is_written_as_r4(self, card_of):
        """The two do not differ in what is written."""
        r4, r4b = (card_of(EVERYTHING, version=v) for v in ("R4", "R4B"))
        assert r4 == r4b

    def test_what_is_the_same_in_both_versions_is_not_copied(self):
        """A RiskAssessment, and anything in R4."""
        resource = {"resourceType": "RiskAssessment", "status": "final"}
        assert written_in("R5", "RiskAssessment", resource) is resource
        assert written_in("R4", "ServiceRequest", resource) is resource


APP = replace(preset("epic"), smart=SMARTApp("scnen"))


def test_a_card_that_asks_links_to_the_app_where_it_is_registered(card_of, build):
    """It saves what the nomogram forgets; the context says only which form."""
    asking = build.vertebra(cement_ratio_percent=Missing(Reason.NOT_RECORDED))
    first, last = wire(card_of(capabilities_of(APP), asking))["links"]
    assert first["type"] == "smart"
    assert first["url"].endswith("/smart/launch")
    assert first["appContext"] == "measurements"
    assert last["url"].endswith("/model")


def test_a_client_without_app_context_gets_the_same_link(card_of, build):
    """The form says where the other one is."""
    asking = build.vertebra(cement_ratio_percent=Missing(Reason.NOT_RECORDED))
    can = replace(capabilities_of(APP), app_context=False)
    assert "appContext" not in wire(card_of(can, asking))["links"][0]


def test_a_card_that_asks_links_to_the_nomogram_elsewhere(card_of, build):
    """Also at a client that could launch an app, and knows none."""
    asking = build.vertebra(cement_ratio_percent=Missing(Reason.NOT_RECORDED))
    links = wire(card_of(capabilities_of(preset("epic")), asking))["links"]
    assert [link["url"].rpartition("/")[2] for link in links] == ["nomogram", "model"]


def test_a_card_with_a_number_links_to_no_form(card_of):
    """Nothing is to be entered."""
    (link,) = wire(card_of(capabilities_of(APP)))["links"]
    assert link["url"].endswith("/model")


def test_a_card_of_the_chart_links_to_the_follow_up(chart, chart_composer):
    """Where the app is registered; else to nothing to be filled in."""
    view = chart.meets_criteria(40).read(41)
    for client, forms in ((APP, ["follow-up"]), (preset("epic"), [])):
        (card,) = chart_composer.compose(
            view, Subject("p1", "e1"), capabilities_of(client)
        )
        links = wire(card)["links"]
        assert [each["appContext"] for each in links if "appContext" in each] == forms
