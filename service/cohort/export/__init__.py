"""A FHIR Bulk Data export as a cohort: sieved, assessed patient by patient."""
