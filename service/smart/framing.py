"""What is answered to an EHR's window: headers of pages, and refusals."""

import logging
from typing import Final

from flask import Response, request

from service.pages import gettext, render_page
from service.smart.cookies import LAUNCH
from service.smart.door import Door
from service.smart.launches import EHR
from service.smart.refusals import Refused, Why

__all__ = ["protect_app", "refusal_page"]

#: In the words of Content-Security-Policy.
_NOBODY: Final = "'none'"

_log = logging.getLogger(__name__)


def refusal_page(door: Door, error: Refused, ehr: EHR | None) -> Response:
    """
    Say in plain words why something goes no further.

    Parameters
    ----------
    door : Door
        Knows how cookies are put.
    error : Refused
        Why.
    ehr : EHR or None
        Who may show it in a frame; None if that is not known.

    Returns
    -------
    flask.Response
        A page; the log gets the name of the reason and nothing else.
    """
    _log.warning("SMART app refused: %s", error.why.value)
    kept = {name: request.args.get(name) for name in ("iss", "launch")}
    response = render_page("smart_refused.html", words=gettext(error.words), kept=kept)
    response.status_code = error.status
    if error.why in {Why.REPLAYED, Why.DENIED, Why.TOKEN, Why.IDENTITY}:
        door.drop(response, LAUNCH, ehr)
    return protect_app(response, ehr)


def protect_app(response: Response, ehr: EHR | None) -> Response:
    """
    Add the headers of a page that an EHR may show in a frame.

    Parameters
    ----------
    response : flask.Response
        What is answered.
    ehr : EHR or None
        Whose pages may frame it; None for nobody's.

    Returns
    -------
    flask.Response
        The same: nothing from elsewhere, kept nowhere, its address told to nobody.
    """
    ancestors = " ".join(ehr.app.frame_ancestors) if ehr is not None else ""
    framed = f"frame-ancestors {ancestors or _NOBODY}"
    response.headers.update(
        {
            "Content-Security-Policy": "default-src 'self'; base-uri 'none';"
            f" form-action 'none'; {framed}",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
    )
    return response
