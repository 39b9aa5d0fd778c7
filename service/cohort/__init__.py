"""Cohorts of one's own: many patients with their outcome, checked row by row."""

from service.cohort.patients import PatientCohort, Refusal, Source
from service.cohort.table import TableError, read_cohort

__all__ = ["PatientCohort", "Refusal", "Source", "TableError", "read_cohort"]
