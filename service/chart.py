"""The advice in an opened chart: the follow-up after an operation, or the discharge."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cds_hooks import DataUnavailable, HookRequest, Response
from service.advice import (
    Advice,
    FollowUpAdvice,
    refuse_half_silence,
    refuse_unread,
    refuse_without_procedures,
    subject_of,
)
from service.clients import capabilities_of, language_of, signs_at
from service.followup import ChartReader, Quiet
from service.followup_cards import ChartComposer
from service.records import RecordReader

__all__ = ["ChartAdvice", "is_at_discharge"]


@dataclass(frozen=True, slots=True, eq=False)
class ChartAdvice:
    """
    Advise whoever opens a chart: the handler at ``patient-view``.

    Attributes
    ----------
    discharge : FollowUpAdvice
        Answers where the client fires the hook at a discharge, as Epic does.
    reader : RecordReader
        Gathers the patient's record.
    charts : Mapping of str or None to ChartReader
        Finds what the follow-up calls for, by how a site signs kyphosis angles.
    composers : Mapping of str or None to ChartComposer
        Turns that into cards, by language; None is for a client that has not said
        which.
    clock : callable
        Gives the time of the call, with its zone.
    """

    discharge: FollowUpAdvice
    reader: RecordReader
    charts: Mapping[str | None, ChartReader]
    composers: Mapping[str | None, ChartComposer]
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
            The cards, most often none.

        Raises
        ------
        DataUnavailable
            If the procedures, or the observations after an eligible operation, could
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
        if is_at_discharge(request):
            return self.discharge.advise(request)
        gathered = self.reader.read(request)
        refuse_without_procedures(gathered)
        subject = subject_of(request)
        view = self.charts[signs_at(request.client)].read(
            gathered.record, patient_id=subject.patient_id, now=self.clock()
        )
        if view.quiet is Quiet.NOT_ELIGIBLE:
            refuse_unread(view.assessment)
        if view.quiet is Quiet.OBSERVATIONS_UNAVAILABLE:
            why = gathered.lacking.get("observations", "unavailable")
            raise DataUnavailable(
                f"prefetch.observations: {why}; needed after an eligible operation,"
                " send the complete result of the template"
            )
        cards = self.composers[language_of(request.client)].compose(
            view, subject, capabilities_of(request.client), gathered.fhir_version
        )
        if not cards:
            refuse_half_silence(view.assessment)
        quiet = None if view.quiet is None else view.quiet.value
        return Advice(Response(cards=cards), view.assessment, quiet)


def is_at_discharge(request: HookRequest) -> bool:
    """
    Tell whether a client says that it fires at a discharge.

    Parameters
    ----------
    request : HookRequest
        A call at ``patient-view``.

    Returns
    -------
    bool
        Whether the advice of the discharge is wanted.
    """
    return (
        request.client is not None
        and request.encounter_id is not None
        and request.client.tells_discharge(request.extension)
    )
