"""Cohorts of one's own: many patients with their outcome, checked row by row."""

from service.cohort.patients import PatientCohort, Refusal, Source

__all__ = ["PatientCohort", "Refusal", "Source"]
