"""FHIR resources in, predictors of the risk model out."""
