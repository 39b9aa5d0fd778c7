"""What the report calls by a code: marked for translation, and itself in English."""

from typing import Final

from service.languages import N_

__all__ = ["NAMES"]

_STATES: Final = (
    N_("scored"),
    N_("not scored"),
    N_("not eligible"),
    N_("refused"),
    N_("switched off"),
)
_SILENCE: Final = (
    N_("a card was shown"),
    N_("below-threshold"),
    N_("policy-asks-for-no-values"),
    N_("overridden"),
    N_("silent"),
)
#: Why a value, or a whole assessment, is not given.
_MISSING: Final = (
    N_("found"),
    N_("not-recorded"),
    N_("unavailable"),
    N_("status-not-final"),
    N_("data-absent"),
    N_("unit-not-stated"),
    N_("unit-unknown"),
    N_("comparator"),
    N_("not-a-quantity"),
    N_("out-of-physical-range"),
    N_("stale"),
    N_("time-unclear"),
    N_("too-early"),
    N_("outside-window"),
    N_("other-level"),
    N_("conflict"),
    N_("undefined"),
    N_("not-applicable"),
    N_("region-not-level"),
    N_("outside-model"),
    N_("no-eligible-operation"),
    N_("excluded-condition"),
    N_("under-age"),
)
_TOPICS: Final = (
    N_("ScnenRiskHigh"),
    N_("ScnenRiskAboveAverage"),
    N_("ScnenRiskRelative"),
    N_("ScnenInputMissing"),
    N_("ScnenInputConflict"),
    N_("ScnenOutsideModel"),
    N_("ScnenCriteriaMet"),
    N_("ScnenBlockNext"),
    N_("ScnenReviewDue"),
    N_("ScnenReviewOverdue"),
    N_("ScnenSwitchedOff"),
    N_("none"),
)
_ANSWERS: Final = (N_("accepted"), N_("overridden"), N_("no answer"), N_("unknown"))
#: Why a card was overridden.
_REASONS: Final = (
    N_("cds-not-applicable"),
    N_("action-completed"),
    N_("cds-suboptimal-context"),
    N_("recipient-disagrees-evidence"),
    N_("recipient-concerns-outcomes"),
    N_("does-not-align-preferences"),
    N_("patient-refuses"),
    N_("not-convenient-feasible"),
    N_("none given"),
)
_INPUTS: Final = (
    N_("segment"),
    N_("method"),
    N_("cement_ratio_percent"),
    N_("cobb_restoration_ratio_percent"),
    N_("cobb_postoperative_deg"),
    N_("cobb_preoperative_deg"),
    N_("thoracic"),
    N_("lumbar"),
    N_("pedicle_screw"),
    N_("pvp"),
    N_("pkp"),
)
_FOLLOW_UP: Final = (
    N_("high"),
    N_("above_average"),
    N_("below_average"),
    N_("no band"),
    N_("yes"),
    N_("no"),
    N_("not-examined"),
    N_("nothing recorded"),
    N_("not yet due"),
)

#: All of them: names of the hospital's own are none.
NAMES: Final = frozenset(
    (
        *_STATES,
        *_SILENCE,
        *_MISSING,
        *_TOPICS,
        *_ANSWERS,
        *_REASONS,
        *_INPUTS,
        *_FOLLOW_UP,
    )
)
