"""What a browser asks before a web page may call a service of another origin."""

import requests

__all__ = ["preflight"]

_TIMEOUT_S = (3.0, 10.0)


def preflight(session: requests.Session, url: str, origin: str) -> bool:
    """
    Ask whether a page may post JSON with a signature.

    Parameters
    ----------
    session : requests.Session
        The session; a browser signs no preflight, so its `auth` is not used.
    url : str
        What the page would call.
    origin : str
        Where the page is from.

    Returns
    -------
    bool
        Whether a browser would go on.
    """
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    try:
        answer = session.options(
            url, headers=headers, timeout=_TIMEOUT_S, auth=_unsigned
        )
    except requests.RequestException:
        return False
    said = answer.headers
    allowed = said.get("Access-Control-Allow-Headers", "").lower()
    return (
        answer.ok
        and said.get("Access-Control-Allow-Origin") in {"*", origin}
        and "POST" in said.get("Access-Control-Allow-Methods", "")
        and {"authorization", "content-type"}
        <= {name.strip() for name in allowed.split(",")}
    )


def _unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
