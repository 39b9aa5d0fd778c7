"""Monitoring: what the store says of use, inputs and follow-up, as pure functions."""
