"""The advice at discharge: from a hook call over the assessment to the answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from cds_hooks import Card, DataUnavailable, HookRequest, Response
from service.assessment import Assessment, OutputMode
from service.assessor import Assessor
from service.cards import CardComposer
from service.clients import capabilities_of, language_of, signs_at
from service.fhir.findings import Reason
from service.orders import Subject
from service.records import Gathered, RecordReader

__all__ = [
    "Advice",
    "FollowUpAdvice",
    "refuse_half_silence",
    "refuse_unread",
    "refuse_without_procedures",
    "subject_of",
]

#: What else than these names another server says nothing of who was operated on.
_OPERATIONS: Final = frozenset({"Procedure", "Encounter"})


class Advice(NamedTuple):
    """
    The answer to a call, with what it rests on.

    Attributes
    ----------
    response : Response
        The cards that are shown, maybe none.
    assessment : Assessment or None
        What was found and scored; None if nobody was assessed.
    quiet : str or None
        Why no card is shown; None if one is.
    withheld : tuple of Card
        Cards that were composed and are not shown.
    """

    response: Response
    assessment: Assessment | None
    quiet: str | None
    withheld: tuple[Card, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class FollowUpAdvice:
    """
    Advise on the follow-up of one patient at discharge.

    Attributes
    ----------
    reader : RecordReader
        Gathers the patient's record.
    assessors : Mapping of str or None to Assessor
        Turns resources into an assessment, by how a site signs kyphosis angles; None
        is for a site that has not said it.
    composers : Mapping of str or None to CardComposer
        Turns an assessment into cards, by language; None is for a client that has not
        said which.
    clock : callable
        Gives the time of the call, with its zone.
    """

    reader: RecordReader
    assessors: Mapping[str | None, Assessor]
    composers: Mapping[str | None, CardComposer]
    clock: Callable[[], datetime]

    def __call__(self, request: HookRequest) -> Response:
        """
        Answer a hook call.

        Parameters
        ----------
        request : HookRequest
            The loaded call.

        Returns
        -------
        Response
            The cards, maybe none.

        Raises
        ------
        DataUnavailable
            If the procedures, or the observations of an eligible operation, could
            not be had, or there is nothing to say of half of the record.
        """
        return self.advise(request).response

    def advise(self, request: HookRequest) -> Advice:
        """
        Answer a hook call, and say what the answer rests on.

        Parameters
        ----------
        request : HookRequest
            The loaded call.

        Returns
        -------
        Advice
            The answer.

        Raises
        ------
        DataUnavailable
            As when called.
        """
        subject = subject_of(request)
        gathered = self.reader.read(request)
        assessment = self._assess(request, subject, gathered)
        _refuse_silence(assessment, gathered)
        cards = self.composers[language_of(request.client)].compose(
            assessment, subject, capabilities_of(request.client), gathered.fhir_version
        )
        if cards:
            return Advice(Response(cards=cards), assessment, None)
        refuse_half_silence(assessment)
        return Advice(Response(cards=()), assessment, _why_quiet(assessment))

    def mode_now(self) -> OutputMode:
        """
        Tell what kind of number a call would give now.

        Returns
        -------
        OutputMode
            The mode.
        """
        return self.assessors[None].mode_on(self.clock())

    def assess(self, request: HookRequest) -> Assessment:
        """
        Assess the patient of a hook call, without composing an answer.

        Parameters
        ----------
        request : HookRequest
            The loaded call.

        Returns
        -------
        Assessment
            The assessment; observations that could not be had count as missing.

        Raises
        ------
        DataUnavailable
            If the procedures could not be had.
        """
        return self._assess(request, subject_of(request), self.reader.read(request))

    def _assess(
        self, request: HookRequest, subject: Subject, gathered: Gathered
    ) -> Assessment:
        refuse_without_procedures(gathered)
        return self.assessors[signs_at(request.client)].assess(
            gathered.record,
            patient_id=subject.patient_id,
            encounter_id=subject.encounter_id,
            now=self.clock(),
        )


def subject_of(request: HookRequest) -> Subject:
    """
    Tell whom a call is about.

    Parameters
    ----------
    request : HookRequest
        The loaded call.

    Returns
    -------
    Subject
        Patient and encounter of the context.
    """
    return Subject(request.patient_id, request.encounter_id)


def refuse_without_procedures(gathered: Gathered) -> None:
    """
    Refuse a record without procedures: nothing can be said about it.

    Parameters
    ----------
    gathered : Gathered
        What could be had.

    Raises
    ------
    DataUnavailable
        If the procedures could not be had.
    """
    if "procedures" in gathered.lacking:
        raise DataUnavailable(
            f"prefetch.procedures: {gathered.lacking['procedures']}; send the complete"
            " result of the template, or null if there are none"
        )


def refuse_unread(assessment: Assessment) -> None:
    """
    Refuse to be silent because of Procedures that are illegible, or all of others.

    Parameters
    ----------
    assessment : Assessment
        The assessment of the record.

    Raises
    ------
    DataUnavailable
        If no operation is eligible, but an entry that could be one was no valid
        Procedure, or none of the Procedures names the patient: a merged record, a
        subject without a reference, or the wrong prefetch.
    """
    if assessment.extraction.only_others:
        raise DataUnavailable(
            "prefetch.procedures: none of them has the patient of the call as its"
            " subject, or they name several servers; send the patient's own, or null if"
            " there are none"
        )
    if assessment.not_assessed is Reason.NO_ELIGIBLE_OPERATION and any(
        source.startswith("Procedure") for source, _ in assessment.extraction.rejected
    ):
        raise DataUnavailable(
            "prefetch.procedures: holds entries that are no valid Procedure, and no"
            " other is an eligible operation; send valid FHIR resources"
        )


def refuse_half_silence(assessment: Assessment) -> None:
    """
    Refuse to be silent where records were left aside: another server's, or unread.

    Parameters
    ----------
    assessment : Assessment
        The assessment of the record, which gave no card.

    Raises
    ------
    DataUnavailable
        If there were records that name another server, or Procedures beside the
        eligible ones that could not be read: they could have made a difference.
    """
    rejected = assessment.extraction.rejected
    if any(source.startswith("Procedure") for source, _ in rejected):
        raise DataUnavailable(
            "prefetch.procedures: holds entries that are no valid Procedure, and"
            " nothing can be said of the others; send valid FHIR resources"
        )
    elsewhere = assessment.extraction.elsewhere
    is_without = assessment.not_assessed is Reason.NO_ELIGIBLE_OPERATION
    counts = ", ".join(
        f"{count} {kind}"
        for kind, count in elsewhere.items()
        if kind in _OPERATIONS or not is_without
    )
    if counts:
        raise DataUnavailable(
            f"prefetch: {counts} name the patient's id at another FHIR server than the"
            " call's, and nothing can be said of the rest; if it is the same server,"
            " list that base URL under also_known_as in the register of clients"
        )


def _why_quiet(assessment: Assessment) -> str:
    if assessment.not_assessed is not None:
        return assessment.not_assessed.value
    if any(item.asks_for_values for item in assessment.vertebrae):
        return "policy-asks-for-no-values"
    return "below-threshold"


def _refuse_silence(assessment: Assessment, gathered: Gathered) -> None:
    """Answer 412 where an empty answer would pass for "nothing to say"."""
    why = gathered.lacking.get("observations")
    if assessment.vertebrae and why is not None:
        raise DataUnavailable(
            f"prefetch.observations: {why}; needed for an eligible operation, send the"
            " complete result of the template"
        )
    refuse_unread(assessment)
