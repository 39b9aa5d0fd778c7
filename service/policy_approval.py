"""The section of a policy file that says who approved thresholds and translations."""

from dataclasses import dataclass
from datetime import date

from service.languages import ENGLISH, languages
from service.policy_fields import PolicyError, section

__all__ = ["Approval", "read_approval"]


@dataclass(frozen=True, slots=True)
class Approval:
    """
    Who answers for the thresholds.

    Attributes
    ----------
    approved_by : tuple of str
        Names, empty when nobody has approved the policy here.
    approved_on : datetime.date or None
        Day of the approval.
    languages : tuple of str
        Languages beside English of which they approved the words of the cards.
    """

    approved_by: tuple[str, ...] = ()
    approved_on: date | None = None
    languages: tuple[str, ...] = ()

    @property
    def is_given(self) -> bool:  # numpydoc ignore=RT01
        """Whether somebody has approved the policy."""
        return bool(self.approved_by) and self.approved_on is not None

    @property
    def is_by_two(self) -> bool:  # numpydoc ignore=RT01
        """Whether two people have: what a client that is shown cards needs."""
        people = {" ".join(name.split()).casefold() for name in self.approved_by}
        return self.is_given and len(people) > 1

    def is_of(self, language: str) -> bool:
        """
        Tell whether the words of the cards are approved in a language.

        Parameters
        ----------
        language : str
            One of `service.languages.languages`.

        Returns
        -------
        bool
            Always of English, in which they are written and reviewed.
        """
        return language == ENGLISH or (self.is_given and language in self.languages)


def read_approval(value: object) -> Approval:
    """
    Read the section of a policy file.

    Parameters
    ----------
    value : object
        What the file holds.

    Returns
    -------
    Approval
        The approval.

    Raises
    ------
    PolicyError
        If a field has a wrong value.
    FieldError
        If one is missing or unknown.
    """
    found = section(value, "approval", Approval)
    names, day = found["approved_by"], found["approved_on"]
    if not isinstance(names, list) or not all(
        isinstance(name, str) and name.strip() for name in names
    ):
        raise PolicyError("approval.approved_by: must be a list of names, maybe empty")
    if day is not None and type(day) is not date:
        raise PolicyError("approval.approved_on: must be a date (YYYY-MM-DD) or null")
    if bool(names) != (day is not None):
        raise PolicyError("approval: names and date go together")
    return Approval(tuple(names), day, _translations(found["languages"]))


def _translations(value: object) -> tuple[str, ...]:
    known = [language for language in languages() if language != ENGLISH]
    if not isinstance(value, list) or not all(each in known for each in value):
        raise PolicyError(
            f"approval.languages: must be a list of {', '.join(known)}, maybe empty"
        )
    return tuple(value)
