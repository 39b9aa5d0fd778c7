"""An EHR for rehearsals: reads a real FHIR server, and calls as a given client does.

::

    firing     one call: hook, context, prefetch, authorization, as the client writes it
    chart      what the EHR reads for our templates, whole or in part
    manners    how known EHRs differ in what they send
    preflight  what a browser asks before a web page may call
    signing    keys for development, and the JWT of each call
    remedies   faults of FHIR servers in plain words, with what to do
"""

from service.ehr.chart import (
    CHART_LIMITS,
    Chart,
    Part,
    Subject,
    counted,
    is_about,
    kind_of,
    next_link,
)
from service.ehr.firing import Call, Occasion, PlayedEHR, choose_service
from service.ehr.manners import Manners, manners_of
from service.ehr.remedies import explain
from service.ehr.signing import DevelopmentKey, KeyFileError, Signer, read_key

__all__ = [
    "CHART_LIMITS",
    "Call",
    "Chart",
    "DevelopmentKey",
    "KeyFileError",
    "Manners",
    "Occasion",
    "Part",
    "PlayedEHR",
    "Signer",
    "Subject",
    "choose_service",
    "counted",
    "explain",
    "is_about",
    "kind_of",
    "manners_of",
    "next_link",
    "read_key",
]
