"""What the pages of the forms work with, and how they save."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cds_hooks import Client
from service.fhir.client.deadline import Deadline
from service.fhir.findings import OperatedVertebra
from service.pages import spoken
from service.smart.accounts import Account
from service.smart.charts import Chart, Charts
from service.smart.door import Door
from service.smart.entries import level_entries
from service.smart.follow_up import FollowUpForm
from service.smart.launches import EHR
from service.smart.measurements import MeasurementForm
from service.smart.questionnaires import Form
from service.smart.refusals import Refused, Why
from service.smart.resources import Author, Draft, provenance
from service.smart.saving import Writer
from service.smart.scopes import may_create
from service.smart.sessions import Session

__all__ = ["Desk"]


@dataclass(frozen=True, slots=True)
class Desk:
    """
    What the pages work with.

    Attributes
    ----------
    charts : Charts
        Reads records.
    measurement_forms : Mapping of str to MeasurementForm
        The form of the values, in each language of the pages.
    follow_up_forms : Mapping of str to FollowUpForm
        The form of a visit.
    canonical_base : str
        Base of the project's own systems.
    secret_key : bytes
        Key of the identifiers.
    standing : callable
        Says what a chart amounts to now, in a sentence.
    keep_outcome : callable
        Keeps an outcome of a client's patient; says in English what became of it.
    is_shown : callable
        Whether users of a client are shown numbers yet.
    """

    charts: Charts
    measurement_forms: Mapping[str, MeasurementForm]
    follow_up_forms: Mapping[str, FollowUpForm]
    canonical_base: str
    secret_key: bytes
    standing: Callable[[Chart, EHR, Session], str]
    keep_outcome: Callable[[Client, str, Mapping[str, str | None]], str]
    is_shown: Callable[[Client], bool]

    @property
    def measurements(self) -> MeasurementForm:  # numpydoc ignore=RT01
        """The form of the values, in the language of the reader."""
        return self.measurement_forms[spoken()]

    @property
    def follow_up(self) -> FollowUpForm:  # numpydoc ignore=RT01
        """The form of a visit, in the language of the reader."""
        return self.follow_up_forms[spoken()]

    def author(self, session: Session, chart: Chart) -> Author:
        """
        Say who records.

        Parameters
        ----------
        session : Session
            Clinician and patient.
        chart : Chart
            The chart.

        Returns
        -------
        Author
            The author.

        Raises
        ------
        Refused
            If the EHR did not say who the clinician is.
        """
        if session.user is None:
            raise Refused(Why.NO_LEAVE)
        return self._author(session, chart, session.user)

    def _author(self, session: Session, chart: Chart, user: str) -> Author:
        return Author(
            session.server,
            session.patient,
            session.encounter,
            user,
            chart.now,
            self.canonical_base,
            self.secret_key,
            chart.fhir_version,
        )

    def levels(
        self, ehr: EHR, session: Session, chart: Chart, vertebra: OperatedVertebra
    ) -> tuple[str, ...]:
        """
        Tell which levels the record leaves possible.

        Parameters
        ----------
        ehr : EHR
            Whose server.
        session : Session
            Clinician and patient.
        chart : Chart
            The chart.
        vertebra : OperatedVertebra
            The vertebra.

        Returns
        -------
        tuple of str
            None of them blocks the score; its own one where it is known.
        """
        if vertebra.level:
            return (vertebra.level,)
        author = self._author(session, chart, session.user or "")
        written = level_entries(self.measurements, vertebra, author)
        return self.charts.levels(ehr, session, chart, written)

    def save(
        self,
        door: Door,
        form: Form,
        drafts: Sequence[Draft],
        author: Author,
        *,
        deadline: Deadline,
    ) -> Account:
        """
        Write drafts with the session's token.

        Parameters
        ----------
        door : Door
            Knows the session, and the way to its server.
        form : Form
            The form they come from.
        drafts : sequence of Draft
            What to write.
        author : Author
            Who records.
        deadline : Deadline
            Counted from the press of the button; nothing is begun after it.

        Returns
        -------
        Account
            What became of each.
        """
        ehr, session = door.session()
        canonical = f"{self.canonical_base}/Questionnaire/{form.name}|{form.version}"
        writer = Writer(door.access, ehr, session.token, deadline)
        if not drafts:
            return Account()
        is_told = may_create(session.scopes, "Provenance")
        made = (lambda names: provenance(author, names, canonical)) if is_told else None
        return writer.save(drafts, made)
