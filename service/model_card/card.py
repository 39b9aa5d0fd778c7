"""The model card of the running model: words, numbers and what holds now, as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from gettext import NullTranslations
from typing import Any

from service.languages import join_sentences, tell
from service.model.published import CITATION, PERFORMANCES
from service.model.risk_model import RiskModel
from service.model_card.chai import applied_model_card
from service.model_card.content import Content, Entry, read_content
from service.model_card.derivation import Derived, read_derived
from service.model_card.facts import facts_of
from service.model_card.local import LocalValidation
from service.model_card.local_words import group_rows, local_facts, validation_rows

__all__ = ["ModelCard", "Now"]

_UNWRITTEN = "not_written_for_this_model"


@dataclass(frozen=True, slots=True)
class Now:
    """
    What of the card depends on the moment.

    Attributes
    ----------
    mode : str
        Output mode: ``anchored``, ``calibrated`` or ``relative``.
    stopped : str or None
        What is switched off: ``off``, ``relative`` or nothing.
    is_expired : bool
        Whether the local calibration has ended.
    today : datetime.date
        The hospital's day.
    """

    mode: str
    stopped: str | None
    is_expired: bool
    today: date


class ModelCard:
    """
    The card of one model.

    Parameters
    ----------
    model : RiskModel
        The running model.
    local : LocalValidation, optional
        Its validation on the hospital's own patients.
    content : Content, optional
        What is said; what ships if not given.
    words : gettext.NullTranslations, optional
        The words of the language in which it is said; English if not given.
    """

    def __init__(
        self,
        model: RiskModel,
        local: LocalValidation | None = None,
        content: Content | None = None,
        words: NullTranslations | None = None,
    ) -> None:
        self.model = model
        self.content = content or read_content()
        self._local = local
        self._words = words or NullTranslations()
        self._facts = {
            **facts_of(model, self.content, self._words),
            **local_facts(local, model.calibration, self._words),
        }

    def told_in(self, words: NullTranslations) -> "ModelCard":
        """
        Give the same card in another language.

        Parameters
        ----------
        words : gettext.NullTranslations
            The words of the language.

        Returns
        -------
        ModelCard
            The card; its numbers are the same.
        """
        return ModelCard(self.model, self._local, self.content, words)

    @property
    def is_written_for_model(self) -> bool:  # numpydoc ignore=RT01
        """Whether the words are about the running model: its digest, or its slopes'."""
        digest = self.content.written_for.get(self.model.id)
        if digest is not None:
            return digest == self.model.digest
        is_update = self.model.calibration is not None
        return is_update and self.model.provenance.citation == CITATION

    def derived(self, now: Now) -> Derived | None:
        """
        Say how the intercept was rebuilt, where one that was rebuilt is in use.

        Parameters
        ----------
        now : Now
            What holds now.

        Returns
        -------
        Derived or None
            Numbers and pictures; without those of the intercept in mode ``relative``.
        """
        found = read_derived(self.model)
        if found is None:
            return None
        found = found.told_in(self._words)
        return found.without_intercept() if now.mode == "relative" else found

    def document(self, now: Now) -> dict[str, Any]:
        """
        Give the whole card.

        Parameters
        ----------
        now : Now
            What holds now.

        Returns
        -------
        dict
            JSON-ready; what the page shows as well.
        """
        content, review = self.content, self.content.review
        derived = self.derived(now)
        attributes = {
            each.id: self._said(each, now.mode)
            for each in content.parts["source-attributes"]
        }
        reviewed = {
            "last_reviewed": review.reviewed_on.isoformat(),
            "review_by": review.review_by.isoformat(),
            "is_review_overdue": review.is_overdue(now.today),
            "reviewed_by_role": self._tell(review.role),
        }
        return {
            "card": {
                "version": content.version,
                "written_for": dict(content.written_for),
                "is_written_for_this_model": self.is_written_for_model,
                **reviewed,
            },
            "model": {
                "id": self.model.id,
                "version": self.model.version,
                "digest": self.model.digest,
                "label": self._tell(self.model.label),
                "parent": self.model.parent,
            },
            "mode": now.mode,
            "stopped": now.stopped,
            "is_calibration_expired": now.is_expired,
            "not_for": [self._tell(each) for each in content.not_for],
            "source_attributes": [
                {"number": place, **said, **reviewed}
                for place, said in enumerate(attributes.values(), 1)
            ],
            "performance": self._performance(),
            "derivation": None if derived is None else derived.numbers,
            "model_facts": self._part("model-facts", attributes, now.mode),
            "applied_model_card": applied_model_card(
                content.parts["chai"],
                self._part("chai", attributes, now.mode),
                PERFORMANCES if self.is_written_for_model else (),
                self._local,
                words=self._words,
            ),
            "tripod_ai": self._checklist("tripod-ai", attributes, now.mode),
            "probast_ai": {
                **self._told(content.rating),
                "domains": self._checklist("probast-ai", attributes, now.mode),
                "questions": self._checklist(
                    "probast-ai-questions", attributes, now.mode
                ),
            },
            "stop_using": [self._told(each) for each in content.stop_using],
            "regulatory": [self._told(each) for each in content.regulatory],
        }

    def _tell(self, text: str) -> str:
        return tell(self._words, text)

    def _told(self, texts: Mapping[str, str]) -> dict[str, str]:
        return {name: self._tell(text) for name, text in texts.items()}

    def _filled(self, text: str) -> str:
        """Say a text with its numbers."""
        return self._tell(text).format_map(self._facts)

    def _part(
        self, part: str, attributes: Mapping[str, Any], mode: str
    ) -> list[dict[str, Any]]:
        """Give the entries of a part; one may be a source attribute told again."""
        found = []
        for each in self.content.parts[part]:
            if each.same_as:
                told = dict(attributes[each.same_as])
                told |= {"id": each.id, **self._headed(each)}
            else:
                told = self._said(each, mode)
            found.append(told)
        return found

    def _checklist(
        self, part: str, attributes: Mapping[str, Any], mode: str
    ) -> list[dict[str, Any]]:
        """Give an appraisal of the study; none for a model that is not the study's."""
        if not self.is_written_for_model:
            return []
        entries = self.content.parts[part]
        told = self._part(part, attributes, mode)
        return [
            {
                "id": said["id"],
                "category": said["category"],
                "name": said["name"],
                "verdict": entry.verdict,
                "text": said["value"],
                "source": said["source"],
            }
            for entry, said in zip(entries, told, strict=True)
        ]

    def _said(self, entry: Entry, mode: str) -> dict[str, Any]:
        value = self._value(entry, mode)
        reason, note = entry.reason, entry.note
        if value is None and not entry.local and not self.is_written_for_model:
            reason, note = _UNWRITTEN, ""
        if value is None and entry.local:
            note = self._local_note(entry.local)
        return {
            "id": entry.id,
            **self._headed(entry),
            "status": "available" if value is not None else "not_available",
            "value": value,
            "reason": None if value is not None else reason or None,
            "words": value or self._missing(reason, note),
            "source": self._tell(entry.source),
        }

    def _headed(self, entry: Entry) -> dict[str, str]:
        return self._told({"category": entry.category, "name": entry.name})

    def _missing(self, reason: str, note: str) -> str:
        why = self._tell(self.content.reasons.get(reason, ""))
        told = self._words.gettext("Not available: %(why)s.") % {"why": why}
        return join_sentences(self._words, (told if why else "", self._filled(note)))

    def _value(self, entry: Entry, mode: str) -> str | None:
        texts = self.content.local_texts
        if entry.local == "validity" and self._local is not None:
            told = self._tell(texts["synthetic"]) if self._local.is_synthetic else ""
            figures = self._filled(texts["validation"])
            return join_sentences(self._words, (told, figures))
        has_groups = self._local is not None and self._local.groupings
        if entry.local == "fairness" and has_groups:
            return self._filled(texts["fairness"])
        if not self.is_written_for_model or mode not in entry.by_mode:
            return None
        return self._filled(entry.by_mode[mode])

    def _local_note(self, local: str) -> str:
        texts = self.content.local_texts
        if local == "validity" and self.model.calibration is not None:
            return texts["calibration"]
        if local == "fairness" and self._local is not None:
            return texts["only_model_groups"]
        return ""

    def _performance(self) -> dict[str, Any]:
        study = [
            {
                "cohort": each.cohort,
                "n": int(self._facts["n" if at_first else "validation_n"]),
                "events": int(
                    self._facts["events" if at_first else "validation_events"]
                ),
                "auc": list(each.auc),
                "mean_absolute_error": each.mean_absolute_error,
                "hosmer_lemeshow_p": each.hosmer_lemeshow_p,
                "useful_thresholds": list(each.useful),
            }
            for each, at_first in zip(PERFORMANCES, (True, False), strict=True)
        ]
        local = self._local
        return {
            "study": study if self.is_written_for_model else [],
            "local": None
            if local is None
            else {**validation_rows(local), "groups": group_rows(local)},
        }
