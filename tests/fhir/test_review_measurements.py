"""Records that speak with two tongues: versions, codes, units and times that clash."""

from datetime import UTC, datetime

import pytest

from service.fhir.findings import Missing, Reason


def _meta(resource, **meta):
    return {**resource, "meta": meta}


class TestVersions:
    """One id, several contents: the newest counts, and only if it is known which."""

    def _cement(self, one, fhir, typical, values, *metas):
        versions = [
            _meta(fhir.cement(value, id="c1"), **meta)
            for value, meta in zip((52, 30), metas, strict=True)
        ]
        rest = [r for r in typical if r["id"] != typical[3]["id"]]
        forth = values(one(*rest, *versions)).cement
        back = values(one(*reversed(versions), *rest)).cement
        assert forth == back
        return forth

    @pytest.mark.parametrize(
        "metas",
        [
            (
                {"lastUpdated": "2024-05-05T20:00:00Z"},
                {"lastUpdated": "2024-05-06T01:00:00+08:00"},
            ),
            (
                {"lastUpdated": "2024-05-05T20:00:00.500Z"},
                {"lastUpdated": "2024-05-05T20:00:00Z", "versionId": "9"},
            ),
            ({"versionId": "10"}, {"versionId": "2"}),
            (
                {"versionId": "10", "lastUpdated": "2024-05-05T20:00:00Z"},
                {"versionId": "9", "lastUpdated": "2024-05-05T22:00:00+02:00"},
            ),
            ({"versionId": "10"}, {"versionId": "9", "lastUpdated": "2024-05-05"}),
        ],
    )
    def test_newest_is_told_by_instant_then_number(
        self, one, fhir, typical, values, metas
    ):
        """Neither by the order of characters nor by that of the bundle."""
        assert self._cement(one, fhir, typical, values, *metas) == 52

    @pytest.mark.parametrize(
        "metas",
        [
            ({}, {}),
            ({"versionId": "1"}, {}),
            ({"lastUpdated": "2024-05-05T20:00:00Z"}, {}),
            ({"versionId": "a"}, {"versionId": "b"}),
            ({"versionId": "2"}, {"versionId": "02"}),
            ({"lastUpdated": "2024-05-05"}, {"lastUpdated": "2024-05-06"}),
        ],
    )
    def test_neither_is_used_if_none_is_the_newest(
        self, one, fhir, typical, values, metas
    ):
        """Never the larger text."""
        assert self._cement(one, fhir, typical, values, *metas) == "conflict"

    def test_contested_reading_is_named(self, run, fhir, typical):
        """The report says which record, and the gap names it too."""
        first, second = fhir.cement(52, id="c1"), fhir.cement(30, id="c1")
        found = run(*typical[:3], typical[4], first, second)
        assert dict(found.rejected).keys() == {"Observation/c1"}
        missing = found.vertebrae[0].cement_ratio_percent
        assert isinstance(missing, Missing)
        assert missing.reason is Reason.CONFLICT
        assert missing.candidates == ("Observation/c1",)
        assert found.vertebrae[0].conflicts

    def test_contested_reading_is_not_made_up_for_by_another(
        self, one, fhir, typical, values
    ):
        """One version was withdrawn, the other not: an older ratio is no answer."""
        withdrawn = fhir.cement(30, id="c1", status="entered-in-error")
        final = fhir.cement(30, id="c1", at="2024-05-04T09:00:00+08:00")
        assert values(one(*typical, withdrawn, final)).cement == "conflict"

    def test_contested_reading_of_another_time_is_no_matter(
        self, one, fhir, typical, values
    ):
        """A film of long ago decides nothing, whatever its value."""
        old = "2020-01-01T09:00:00+08:00"
        versions = [fhir.pre(value, id="f1", at=old) for value in (10, 12)]
        assert values(one(*typical, *versions)).pre == 20

    def test_same_content_is_one_resource(self, run, typical):
        """Overlapping pages, with marks of the server or without."""
        again = [_meta(resource, versionId="1") for resource in typical]
        found = run(*typical, *again)
        assert not found.rejected
        assert not found.vertebrae[0].conflicts

    def test_contested_procedure_is_named_and_not_used(self, run, fhir, typical):
        """Neither vertebra."""
        versions = [fhir.procedure("pkp", sites=[s], id="q") for s in ("L1", "L3")]
        found = run(*versions, *typical[1:])
        assert not found.vertebrae
        assert dict(found.rejected).keys() == {"Procedure/q"}

    def test_newer_version_of_an_exclusion_excludes(self, run, fhir, typical, codes):
        """Version 10 is newer than version 2, which said that it was over."""
        active = _meta(fhir.condition("C79.51", id="k"), versionId="10")
        over = codes.concept(
            ("http://terminology.hl7.org/CodeSystem/condition-clinical", "resolved")
        )
        resolved = {**active, "clinicalStatus": over, "meta": {"versionId": "2"}}
        found = run(*typical, active, resolved)
        assert found.not_assessed is Reason.EXCLUDED_CONDITION

    def test_contested_condition_is_named(self, run, fhir, typical):
        """Whether it excludes is not known, so it is reported."""
        versions = [fhir.condition(code, id="k") for code in ("C79.51", "M46.26")]
        assert "Condition/k" in dict(run(*typical, *versions).rejected)


class TestCodesOfOneConcept:
    """Codings of one concept are translations of each other."""

    @pytest.mark.parametrize(
        ("pair", "missing"),
        [
            (("cobb-preoperative", "cobb-postoperative"), {"pre", "post", "crr"}),
            (("cobb-restoration-ratio", "cement-ratio-ap"), {"cement", "crr"}),
            (("predictor-panel", "cement-ratio-ap"), {"cement"}),
            (("cobb-angle", "cement-ratio-ap"), {"cement", "post", "crr"}),
        ],
    )
    @pytest.mark.parametrize("turn", [1, -1])
    def test_two_meanings_are_a_conflict(
        self, one, fhir, codes, typical, values, pair, missing, turn
    ):
        """Whichever stands first; a sound record beside it does not heal it."""
        film = fhir.cement(52, id="x1")
        film["code"] = codes.concept(*((codes.OWN, code) for code in pair[::turn]))
        vertebra = one(*typical, film)
        said = vars(values(vertebra))
        assert {name for name, value in said.items() if value == "conflict"} == missing
        assert any("Observation/x1" in conflict for conflict in vertebra.conflicts)

    def test_component_with_two_meanings_is_a_conflict(
        self, one, fhir, codes, typical, values
    ):
        """As an Observation of its own would be."""
        pair = ((codes.OWN, "cement-ratio-ap"), (codes.OWN, "cobb-restoration-ratio"))
        component = {
            "code": codes.concept(*pair),
            "valueQuantity": codes.quantity(52, "%"),
        }
        panel = fhir.observation("predictor-panel", None, component=[component])
        assert values(one(*typical[:3], typical[4], panel)).cement == "conflict"

    @pytest.mark.parametrize("turn", [1, -1])
    def test_angle_and_its_refinement_agree(
        self, one, fhir, codes, typical, values, turn
    ):
        """A preoperative angle is an angle."""
        pair = [(codes.OWN, "cobb-angle"), (codes.OWN, "cobb-preoperative")][::turn]
        film = {**fhir.pre(20), "code": codes.concept(*pair)}
        assert values(one(typical[0], film, *typical[2:])).pre == 20

    def test_one_meaning_said_twice_is_one(self, one, fhir, codes, typical, values):
        """Two codings, one target."""
        pair = [(codes.OWN, "cement-ratio-ap")] * 2
        ratio = {**fhir.cement(52), "code": codes.concept(*pair)}
        assert values(one(*typical[:3], typical[4], ratio)).cement == 52

    def test_segment_under_two_meanings_says_no_place(
        self, one, fhir, codes, typical, values
    ):
        """What else it may be is not known."""
        pair = ((codes.OWN, "fracture-segment"), (codes.OWN, "cement-ratio-ap"))
        said = {
            **fhir.fracture_segment("T12", at=codes.AFTER),
            "code": codes.concept(*pair),
        }
        found = values(one(*typical, said))
        assert (found.segment, found.cement) == ("lumbar", "conflict")


class TestSitesOfOneConcept:
    """A body site whose codings have no level in common names none."""

    @pytest.mark.parametrize("operated", ["L1", "L3"])
    def test_two_levels_serve_neither_vertebra(
        self, one, fhir, codes, values, operated
    ):
        """It may be a film of either."""
        both = codes.concept(
            (codes.SNOMED, "66794005"), (codes.SNOMED, "36470004")
        )  # L1, L3
        ratio = fhir.cement(52, bodySite=both)
        vertebra = one(
            fhir.procedure("pkp", sites=[operated]), fhir.pre(20), fhir.post(5), ratio
        )
        assert values(vertebra).cement == "other-level"

    def test_region_and_level_are_the_level(self, one, fhir, codes, values):
        """The lumbar spine (73903008 in the survey) holds L1 (66794005)."""
        both = codes.concept((codes.SNOMED, "73903008"), (codes.SNOMED, "66794005"))
        ratio = fhir.cement(52, bodySite=both)
        vertebra = one(fhir.procedure("pkp", sites=["L1"]), ratio)
        assert values(vertebra).cement == 52


def _period(start, end):
    return {"at": None, "effectivePeriod": {"start": start, "end": end}}


class TestVagueTimes:
    """Operated on 2 May: a window is met if every time that is possible meets it."""

    @pytest.mark.parametrize(
        "time",
        [
            {"at": "2024"},
            {"at": "2024-05"},
            _period("2024-05-03", "2024-06-20"),
            _period("2024-05-15T08:00:00+08:00", "2024-05-17T08:00:00+08:00"),
        ],
    )
    @pytest.mark.parametrize("quantity", ["post", "cement"])
    def test_film_that_may_be_too_late(
        self, one, fhir, typical, values, time, quantity
    ):
        """The favourable end alone would let it pass."""
        rest = [typical[0], typical[1], typical[4]]
        film = getattr(fhir, quantity)(**time)
        found = vars(values(one(*rest, film)))
        assert found[quantity] == "time-unclear"

    @pytest.mark.parametrize(
        "time",
        [
            {"at": "2024-05-16"},
            _period("2024-05-03", "2024-05-10"),
            _period("2024-05-15T22:00:00+08:00", "2024-05-16T09:00:00+08:00"),
        ],
    )
    def test_film_that_lies_within_serves(self, one, fhir, typical, values, time):
        """The fourteenth day whole, a week of the stay, a night."""
        film = fhir.post(5, **time)
        later = {"now": datetime(2024, 5, 20, 8, tzinfo=UTC)}
        assert values(one(*typical[:2], *typical[3:], film, **later)).post == 5

    def test_film_that_is_surely_too_late(self, one, fhir, typical, values):
        """The next month lies outside whatever its day."""
        film = fhir.post(5, **_period("2024-05-20", "2024-06-20"))
        later = {"now": datetime(2024, 7, 1, 8, tzinfo=UTC)}
        found = values(one(*typical[:2], *typical[3:], film, **later))
        assert found.post == "outside-window"

    @pytest.mark.parametrize(
        ("time", "expected"),
        [
            ({"at": "2024"}, "time-unclear"),
            ({"at": "2024-04"}, "time-unclear"),
            (_period("2024-03-20", "2024-05-01"), "time-unclear"),
            (_period("2024-04-03", "2024-05-01"), 20),
            ({"at": "2024-04-02"}, 20),
            ({"at": "2024-03"}, "stale"),
        ],
    )
    def test_film_that_may_be_too_old(self, one, fhir, typical, values, time, expected):
        """Thirty days before, which begin on 2 April at ten."""
        found = values(one(typical[0], *typical[2:], fhir.pre(20, **time)))
        assert found.pre == expected

    def test_film_that_may_be_from_before_the_injury(self, one, fhir, typical, values):
        """It would show the vertebra as it was."""
        film = fhir.pre(20, **_period("2024-04-20", "2024-04-30"))
        injury = fhir.condition("S32.010A", onsetDateTime="2024-04-28")
        assert values(one(typical[0], film, injury)).pre == "time-unclear"


class TestUnitsBesideCodes:
    """A unit is for people, its code for machines: they must not contradict."""

    @pytest.mark.parametrize(
        ("name", "unit", "code"),
        [
            *[("cement", unit, "%") for unit in ("fraction", "ratio", "Proportion")],
            *[
                ("cement", unit, "%")
                for unit in ("mm", "mm2", "mm²", "cm", "cm2", "cm²")
            ],
            *[("cement", unit, "1") for unit in ("MM2", "ml")],
            *[("pre", unit, "deg") for unit in ("arc minutes", "arc minute", "arcmin")],
            *[("pre", unit, "deg") for unit in ("\u2032", "Arc Minutes", "ratio")],
        ],
    )
    def test_contradicting_spelling_is_unknown(
        self, one, fhir, codes, typical, name, unit, code
    ):
        """52 mm2 are no 52 %, and 20 arc minutes no 20 degrees."""
        value = {"value": 0.5, "unit": unit, "system": codes.UCUM, "code": code}
        vertebra = one(typical[0], getattr(fhir, name)(value))
        fields = {
            "cement": vertebra.cement_ratio_percent,
            "pre": vertebra.cobb_preoperative_deg,
        }
        assert fields[name].reason is Reason.UNIT_UNKNOWN
        assert unit in fields[name].detail

    @pytest.mark.parametrize("unit", ["fraction", "ratio", "proportion", "Fraction"])
    @pytest.mark.parametrize("code", ["1", None])
    def test_fraction_is_multiplied_by_100(
        self, one, fhir, codes, typical, values, unit, code
    ):
        """As its code 1 says, and without a code as well."""
        value = {"value": 0.52, "unit": unit}
        if code:
            value |= {"system": codes.UCUM, "code": code}
        assert values(one(typical[0], fhir.cement(value))).cement == pytest.approx(52)

    @pytest.mark.parametrize("unit", ["mm", "arcmin", "RAD"])
    def test_other_unit_without_code_is_unknown(self, one, fhir, typical, values, unit):
        """A unit of absorbed dose is no radian either."""
        found = values(one(typical[0], fhir.pre({"value": 1, "unit": unit})))
        assert found.pre == "unit-unknown"

    def test_free_text_beside_a_code_is_left_alone(
        self, one, fhir, codes, typical, values
    ):
        """The code is enough."""
        value = {"value": 52, "unit": "of area", "system": codes.UCUM, "code": "%"}
        assert values(one(typical[0], fhir.cement(value))).cement == 52


class TestFirstFilm:
    """After the operation the first film counts, even if it cannot be read."""

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            ({"value": 9}, "unit-not-stated"),
            ({"value": 9, "unit": "mm"}, "unit-unknown"),
            ({"value": 9, "unit": "deg", "comparator": "<"}, "comparator"),
            ({"unit": "deg"}, "not-a-quantity"),
            ({"value": 900, "unit": "deg"}, "out-of-physical-range"),
        ],
    )
    def test_second_film_is_no_answer(self, one, fhir, typical, values, value, reason):
        """It answers another question: the gap has the reason of the first."""
        film = fhir.post(value, id="first")
        later = fhir.post(5, at="2024-05-05T09:00:00+08:00")
        rest = [typical[0], typical[1], *typical[3:]]
        vertebra = one(*rest, film, later)
        assert (values(vertebra).post, values(vertebra).crr) == (reason, reason)
        assert vertebra.cobb_postoperative_deg.candidates == ("Observation/first",)

    def test_recorded_ratio_likewise(self, one, fhir, typical, values):
        """The first one counts too."""
        first = fhir.observation("cobb-restoration-ratio", {"value": 60})
        later = fhir.ratio(75, at="2024-05-05T09:00:00+08:00")
        assert values(one(typical[0], first, later)).crr == "unit-not-stated"

    @pytest.mark.parametrize(
        "change",
        [
            {"status": "preliminary"},
            {"status": "entered-in-error"},
            {"at": "2024-05-04T09:00:00+08:00"},
            {"at": "2024-05-05"},
            {"level": "L3"},
        ],
    )
    def test_what_is_no_earlier_film_of_the_vertebra_is_no_matter(
        self, one, fhir, typical, values, change
    ):
        """Not settled, withdrawn, later or at the same time, or of another level."""
        film = fhir.post({"value": 9}, **change)
        good = fhir.post(5, at="2024-05-04T09:00:00+08:00")
        rest = [typical[0], typical[1], *typical[3:]]
        assert values(one(*rest, film, good)).post == 5

    def test_film_without_a_value_is_none(self, one, fhir, codes, typical, values):
        """Nothing was measured on it, so the next is the first."""
        absent = codes.concept(
            (
                "http://terminology.hl7.org/CodeSystem/data-absent-reason",
                "not-performed",
            )
        )
        film = fhir.post(5, valueQuantity=None, dataAbsentReason=absent)
        good = fhir.post(5, at="2024-05-04T09:00:00+08:00")
        rest = [typical[0], typical[1], *typical[3:]]
        assert values(one(*rest, film, good)).post == 5


#: Values of a final record that cannot be read, and why.
ILLEGIBLE = [
    ({"value": 9}, "unit-not-stated"),
    ({"value": 9, "unit": "mm"}, "unit-unknown"),
    ({"value": 9, "unit": "deg", "comparator": "<"}, "comparator"),
    ({"unit": "deg"}, "not-a-quantity"),
    ({"value": 900, "unit": "deg"}, "out-of-physical-range"),
]
ABSENT = {
    "valueQuantity": None,
    "dataAbsentReason": {
        "coding": [
            {
                "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason",
                "code": "error",
            }
        ]
    },
}
DAY_AFTER = "2024-05-04T09:00:00+08:00"
EVE = "2024-05-02T07:00:00+08:00"


class TestNewestRatio:
    """The newest cement ratio counts, even if it cannot be read."""

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            (
                value | ({"unit": "%"} if value.get("unit") == "deg" else {}),
                reason,
            )
            for value, reason in ILLEGIBLE
        ],
    )
    def test_older_ratio_is_no_answer(self, one, fhir, typical, values, value, reason):
        """The gap has the reason of the newest."""
        newer = fhir.cement(value, at=DAY_AFTER, id="newer")
        vertebra = one(*typical, newer)
        assert values(vertebra).cement == reason
        assert vertebra.cement_ratio_percent.candidates == ("Observation/newer",)

    def test_of_several_the_newest_gives_the_reason(self, one, fhir, typical, values):
        """Whatever the others lack."""
        no_unit = fhir.cement({"value": 9}, at="2024-05-03T20:00:00+08:00")
        range_ = fhir.cement({"value": 900, "unit": "%"}, at=DAY_AFTER)
        for order in ([no_unit, range_], [range_, no_unit]):
            assert values(one(*typical, *order)).cement == "out-of-physical-range"

    def test_absent_one_is_said_in_its_words(self, one, fhir, typical):
        """Somebody looked again and has no value: the older one may be wrong."""
        newer = fhir.cement(at=DAY_AFTER, **ABSENT)
        missing = one(*typical, newer).cement_ratio_percent
        assert (missing.reason, missing.detail) == (Reason.DATA_ABSENT, "error")

    def test_component_of_a_newer_panel_likewise(
        self, one, fhir, codes, typical, values
    ):
        """A value is a value wherever it stands."""
        part = {"code": codes.concept((codes.OWN, "cement-ratio-ap"))}
        part["valueQuantity"] = {"value": 9}
        newer = fhir.observation("predictor-panel", at=DAY_AFTER, component=[part])
        assert values(one(*typical, newer)).cement == "unit-not-stated"

    @pytest.mark.parametrize(
        "change",
        [
            {"status": "preliminary"},
            {"status": "registered"},
            {"status": "entered-in-error"},
            {"status": "cancelled"},
            {"at": "2024-05-03T08:00:00+08:00"},
            {"at": "2024-05-03"},
            {"at": "2024-05-03T09:00:00+08:00"},
            {"level": "L3"},
        ],
    )
    def test_what_is_no_newer_ratio_of_the_vertebra_is_no_matter(
        self, one, fhir, typical, values, change
    ):
        """Not settled, withdrawn, older or at the same time, or of another level."""
        film = fhir.cement({"value": 9}, **{"at": DAY_AFTER, **change})
        assert values(one(*typical, film)).cement == 52

    def test_newer_one_that_can_be_read_settles_it(self, one, fhir, typical, values):
        """The unreadable one is itself older then."""
        film = fhir.cement({"value": 9}, at=DAY_AFTER)
        newest = fhir.cement(48, at="2024-05-05T09:00:00+08:00")
        assert values(one(*typical, film, newest)).cement == 48

    @pytest.mark.parametrize("conditions", [["S32.010A"], []])
    def test_screws_are_not_called_free_of_cement(self, one, fhir, values, conditions):
        """An older ratio speaks of cement; the newer record takes its value only."""
        vertebra = one(
            fhir.procedure("pedicle-screw-fixation", sites=["L1"]),
            fhir.cement(52),
            fhir.cement(at=DAY_AFTER, **ABSENT),
            *[fhir.condition(code) for code in conditions],
        )
        assert values(vertebra).cement == "data-absent"


class TestLastFilm:
    """Before the operation the last film counts, even if it cannot be read."""

    @pytest.mark.parametrize(("value", "reason"), ILLEGIBLE)
    @pytest.mark.parametrize("code", ["cobb-preoperative", "cobb-angle"])
    def test_older_film_is_no_answer(
        self, one, fhir, typical, values, value, reason, code
    ):
        """Neither an angle nor a restoration ratio is made of it."""
        vertebra = one(*typical, fhir.observation(code, value, EVE, id="last"))
        assert (values(vertebra).pre, values(vertebra).crr) == (reason, reason)
        missing = vertebra.cobb_preoperative_deg
        assert missing.candidates == ("Observation/last",)

    def test_absent_one_is_said(self, one, fhir, typical, values):
        """As for cement."""
        assert values(one(*typical, fhir.pre(at=EVE, **ABSENT))).pre == "data-absent"

    @pytest.mark.parametrize(
        "change",
        [
            {"status": "preliminary"},
            {"status": "entered-in-error"},
            {"at": "2024-04-30T09:00:00+08:00"},
            {"at": "2024-05-01"},
            {"at": "2024-05-03T09:00:00+08:00"},
            {"level": "L3"},
        ],
    )
    def test_what_is_no_later_film_of_the_vertebra_is_no_matter(
        self, one, fhir, typical, values, change
    ):
        """Also one that was read after the operation: it stands back."""
        film = fhir.pre({"value": 9}, **{"at": EVE, **change})
        assert values(one(*typical, film)).pre == 20

    @pytest.mark.parametrize("at", [EVE, "2024-05-03T20:00:00+08:00", DAY_AFTER])
    def test_film_read_after_the_operation_is_no_answer(self, one, fhir, values, at):
        """One dated before goes first; of two read later, neither is known to."""
        found = one(
            fhir.procedure("pkp", sites=["L1"]),
            fhir.pre({"value": 9}, at=at),
            fhir.pre(20, at="2024-05-04T08:00:00+08:00"),
        )
        assert values(found).pre == "unit-not-stated"


class TestPanelWithoutData:
    """A panel says that its data are absent, and its components hold values."""

    def _panel(self, fhir, codes, absent, **part):
        reason = ("http://terminology.hl7.org/CodeSystem/data-absent-reason", absent)
        part = {"code": codes.concept((codes.OWN, "cement-ratio-ap")), **part}
        return fhir.observation(
            "predictor-panel",
            id="panel",
            component=[part],
            dataAbsentReason=codes.concept(reason) if absent else {"text": "secret"},
        )

    @pytest.mark.parametrize("absent", ["error", "not-performed", "unknown", None])
    @pytest.mark.parametrize("conditions", [["S32.010A"], []])
    def test_both_cannot_be(self, one, fhir, codes, values, absent, conditions):
        """Neither is believed, also where a ratio is all that speaks of a fracture."""
        value = codes.quantity(52, "%")
        vertebra = one(
            fhir.procedure("pedicle-screw-fixation", sites=["L1"]),
            self._panel(fhir, codes, absent, valueQuantity=value),
            *[fhir.condition(code) for code in conditions],
        )
        assert values(vertebra).cement == "conflict"
        (conflict,) = vertebra.conflicts
        assert "Observation/panel" in conflict
        assert "secret" not in conflict

    def test_sound_record_beside_it_does_not_heal_it(
        self, one, fhir, codes, typical, values
    ):
        """As with any record that contradicts itself."""
        panel = self._panel(fhir, codes, "error", valueQuantity=codes.quantity(30, "%"))
        assert values(one(*typical, panel)).cement == "conflict"

    def test_panel_tells_why_its_parts_are_empty(self, one, fhir, codes, typical):
        """There is nothing to contradict."""
        vertebra = one(*typical[:3], typical[4], self._panel(fhir, codes, "error"))
        missing = vertebra.cement_ratio_percent
        assert (missing.reason, missing.detail) == (Reason.DATA_ABSENT, "error")

    def test_reason_of_a_part_goes_before_that_of_the_panel(
        self, one, fhir, codes, typical
    ):
        """It is the more particular one."""
        panel = self._panel(
            fhir, codes, "unknown", dataAbsentReason={"coding": [{"code": "masked"}]}
        )
        vertebra = one(*typical[:3], typical[4], panel)
        assert vertebra.cement_ratio_percent.detail == "masked"

    def test_panel_may_have_no_value_of_its_own(
        self, one, fhir, codes, typical, values
    ):
        """Not applicable: that is so for every panel."""
        value = codes.quantity(48, "%")
        panel = self._panel(fhir, codes, "not-applicable", valueQuantity=value)
        assert values(one(*typical[:3], typical[4], panel)).cement == 48


class TestSegmentThatContradictsItself:
    """A fracture-segment Observation must say one place."""

    @pytest.mark.parametrize("operated", [(), ("L1",)])
    def test_value_against_body_site_is_a_conflict(
        self, one, fhir, codes, values, operated
    ):
        """T12 as value, L1 as site: neither is taken."""
        site = codes.concept((codes.SNOMED, "66794005"))
        said = fhir.fracture_segment("T12", bodySite=site)
        vertebra = one(fhir.procedure("pkp", sites=operated), said)
        assert values(vertebra).segment == "conflict"
        assert vertebra.segment.candidates[-1].startswith("Observation/")

    def test_value_of_two_levels_is_a_conflict(self, one, fhir, codes, values):
        """Codings of one concept: T12 and L1."""
        both = codes.concept((codes.SNOMED, "23215003"), (codes.SNOMED, "66794005"))
        said = fhir.fracture_segment("T12", valueCodeableConcept=both)
        assert values(one(fhir.procedure("pkp"), said)).segment == "conflict"

    def test_level_within_the_site_agrees(self, one, fhir, codes, values):
        """L1 lies in the lumbar spine."""
        region = codes.concept((codes.SNOMED, "73903008"))
        said = fhir.fracture_segment("L1", bodySite=region)
        found = values(one(fhir.procedure("pkp"), said))
        assert (found.level, found.segment) == ("L1", "lumbar")
