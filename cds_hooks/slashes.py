"""One slash too many in an address, as some clients put it: read as if it were one.

WSGI middleware, since it must come before the router, which would redirect by a page
that repeats the request's Host header.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["merge_slashes"]

_REPEATED = re.compile("//+")


def merge_slashes(wsgi_app: "WSGIApplication") -> "WSGIApplication":
    """
    Let an application see paths without repeated slashes.

    Parameters
    ----------
    wsgi_app : callable
        Any WSGI application.

    Returns
    -------
    callable
        The same application, to which ``//a///b`` is ``/a/b``.

    Examples
    --------
    >>> app = merge_slashes(lambda environ, start: [environ["PATH_INFO"].encode()])
    >>> app({"PATH_INFO": "//cds-services//booster"}, print)
    [b'/cds-services/booster']
    """

    def merged(
        environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if "//" in path:
            environ["PATH_INFO"] = _REPEATED.sub("/", path)
        return wsgi_app(environ, start_response)

    return merged
