"""The ways to patients' records, built from the settings."""

from collections.abc import Callable, Mapping
from typing import Any

from cds_hooks.addresses import origin_of
from cds_hooks.errors import InvalidClient
from service.config import Settings, SettingsError
from service.fhir.client import FHIRAccess, Limits
from service.fhir.terminology import Terminology
from service.records import RecordReader
from service.services import chart_templates, prefetch_templates

__all__ = ["open_access", "record_readers"]


def open_access(settings: Settings, limits: Limits | None = None) -> FHIRAccess:
    """
    Make the way to FHIR servers that the settings describe.

    Parameters
    ----------
    settings : Settings
        The checked settings.
    limits : Limits, optional
        Limits of each fetch.

    Returns
    -------
    FHIRAccess
        Whoever ends first closes it.

    Raises
    ------
    SettingsError
        If the address of the proxy is none.
    """
    try:
        return FHIRAccess(
            limits, allow_loopback=settings.is_open, proxy=settings.fhir_proxy
        )
    except ValueError as error:
        raise SettingsError(f"SCNEN_FHIR_PROXY: {error}.") from None


def record_readers(
    settings: Settings,
    terminology: Terminology,
    access: FHIRAccess,
    on_fetch: Callable[[str], object] = bool,
) -> tuple[RecordReader, RecordReader]:
    """
    Make the readers of both services: they share connections and breakers.

    Parameters
    ----------
    settings : Settings
        The checked settings.
    terminology : Terminology
        Which codes mean what.
    access : FHIRAccess
        The way to the clients' FHIR servers.
    on_fetch : callable, optional
        Learns of each query to one: ``ok``, or the value of its fault.

    Returns
    -------
    tuple of RecordReader
        That of the discharge, and that of the chart.
    """

    def is_relevant(procedure: Mapping[str, Any]) -> bool:
        return bool(terminology.methods.meanings(procedure.get("code")))

    discharge, chart = (
        RecordReader(
            templates,
            access,
            is_relevant,
            is_open=settings.is_open,
            origins=_own_origins(settings),
            open_version=settings.open_fhir_version,
            on_fetch=on_fetch,
        )
        for templates in (
            prefetch_templates(terminology),
            chart_templates(terminology),
        )
    )
    return discharge, chart


def _own_origins(settings: Settings) -> tuple[str, ...]:
    """Tell from where pages of the service itself would call."""
    try:
        return (origin_of(settings.public_url),)
    except InvalidClient:  # an address that no browser could send
        return ()
