"""FHIR R4 knowledge artifacts: what the service knows, for other people's systems."""
