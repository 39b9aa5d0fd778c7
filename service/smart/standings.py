"""How a question of the form stands: known, open, or closed, and what is said of it."""

from dataclasses import dataclass
from typing import Final

from service.assessment import ANGLES
from service.fhir.findings import Missing, OperatedVertebra, Reason
from service.languages import N_
from service.smart.questionnaires import Form
from service.wording import Wording, format_number

__all__ = ["Standing", "said_angle", "standing_of"]

#: Where a value of one's own would not settle the matter, or is not wanted.
_CLOSED: Final = frozenset(
    {Reason.CONFLICT, Reason.NOT_APPLICABLE, Reason.OUTSIDE_MODEL, Reason.UNDEFINED}
)


@dataclass(frozen=True, slots=True)
class Standing:
    """
    How a question stands: known, open, or closed.

    Attributes
    ----------
    value : float or str or None
        What the record says, as the calculator takes it; None if it does not.
    said : str
        The same for people, with its source; or why there is none.
    is_open : bool
        Whether the clinician may answer.
    options : tuple of str or None
        Of what may be chosen, what the record leaves possible; None for all.
    """

    value: float | str | None = None
    said: str = ""
    is_open: bool = True
    options: tuple[str, ...] | None = None


def standing_of(
    form: Form, wording: Wording, predictor: str, vertebra: OperatedVertebra
) -> Standing:
    """
    Tell how the question of a predictor stands.

    Parameters
    ----------
    form : Form
        The form, for its language.
    wording : Wording
        Words of the cards.
    predictor : str
        Name of the predictor.
    vertebra : OperatedVertebra
        What the record says of it.

    Returns
    -------
    Standing
        A value with its source, or why there is none.
    """
    item = getattr(vertebra, predictor)
    if isinstance(item, Missing):
        why = wording.words["reason"][item.reason]
        said = wording.joined("series", [why, wording.remarked(item.detail)])
        return Standing(said=said, is_open=item.reason not in _CLOSED)
    when = "" if item.time is None else item.time.isoformat()[:10]
    as_found = form.gettext("recorded as %(said)s") % {"said": item.as_found}
    parts = [wording.remarked(item.as_found), when, item.source]
    if predictor in ANGLES:
        parts[:1] = [said_angle(form, item.value), as_found]
    elif predictor == "method":
        parts[:1] = [wording.words["method"][item.value], as_found]
    told = wording.joined("details", parts)
    return Standing(item.value, told, is_open=False)


def said_angle(form: Form, value: object) -> str:
    """
    Say an angle in a word that needs no sign: sites sign it differently.

    Parameters
    ----------
    form : Form
        The form, for its language.
    value : object
        Degrees, kyphosis positive.

    Returns
    -------
    str
        Such as ``9.5° kyphosis``.
    """
    degrees = float(str(value))
    told = N_("%(n)s° lordosis") if degrees < 0 else N_("%(n)s° kyphosis")
    return form.gettext(told) % {"n": format_number(abs(degrees))}
