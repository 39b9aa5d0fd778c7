"""Who the clinician is: an id token, checked as OpenID Connect asks for."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from cds_hooks.addresses import is_within, normalised_url
from cds_hooks.errors import InvalidClient
from cds_hooks.key_sets import ALGORITHMS, read_keys
from cds_hooks.tokens import LEEWAY_S, Token, read_token, time_of
from cds_hooks.values import REFERENCE
from service.smart.refusals import Refused, Why

__all__ = ["clinician_of"]

#: Who may have measured or examined. A patient's own login records nothing here.
_CLINICIANS: Final = ("Practitioner/", "PractitionerRole/")


def clinician_of(
    id_token: str,
    *,
    issuer: str | None,
    audience: str,
    nonce: str,
    keys: Callable[[], Any],
    bases: Iterable[str],
    now_s: float,
) -> str | None:
    """
    Check an id token, and tell whom it names.

    Parameters
    ----------
    id_token : str
        A compact JWT.
    issuer : str or None
        Who must have issued it.
    audience : str
        The app's client id.
    nonce : str
        What was sent with the launch.
    keys : callable
        Gives the issuer's key set; only called if the rest could be right.
    bases : iterable of str
        Names of the EHR's FHIR server.
    now_s : float
        Seconds since 1970.

    Returns
    -------
    str or None
        ``Practitioner/1`` or ``PractitionerRole/1``; None if it names nobody who could
        be a performer.

    Raises
    ------
    Refused
        If the token is anything but valid.
    """
    try:
        token = read_token(f"Bearer {id_token}")
    except ValueError:
        raise Refused(Why.IDENTITY) from None
    is_meant = (
        issuer is not None
        and token.claims.get("iss") == issuer
        and _is_for(token.claims, audience)
        and token.claims.get("nonce") == nonce
        and _is_current(token.claims, now_s)
    )
    if not (is_meant and _is_signed(token, keys)):
        raise Refused(Why.IDENTITY)
    return _clinician(token.claims.get("fhirUser"), bases)


def _is_for(claims: Any, audience: str) -> bool:  # noqa: ANN401 JSON
    """One audience, or several among which the app is the authorised party."""
    said = claims.get("aud")
    listed = said if isinstance(said, list) else [said]
    party = claims.get("azp", audience if len(listed) == 1 else None)
    return audience in listed and bool(party == audience)


def _is_current(claims: Any, now_s: float) -> bool:  # noqa: ANN401 JSON
    expires, issued = time_of(claims.get("exp")), time_of(claims.get("iat"))
    return (
        expires is not None
        and issued is not None
        and issued - LEEWAY_S <= now_s < expires + LEEWAY_S
    )


def _is_signed(token: Token, keys: Callable[[], Any]) -> bool:
    algorithm, kid = token.header.get("alg"), token.header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        return False
    if "crit" in token.header or not isinstance(kid, str):
        return False
    try:
        key = read_keys(keys()).keys.get(kid)
    except ValueError:
        return False
    return (
        key is not None
        and algorithm in key.algorithms
        and key.verifies(algorithm, token.signed, token.signature)
    )


def _clinician(said: object, bases: Iterable[str]) -> str | None:
    """Read ``fhirUser``, absolute or relative; one of another server is nobody here."""
    if not isinstance(said, str):
        return None
    reference = said
    if "://" in said:
        try:
            url = normalised_url(said, schemes=("https", "http"))
        except InvalidClient:
            return None
        base = next((each for each in bases if is_within(url, each)), None)
        if base is None:
            return None
        reference = url[len(base) + 1 :]
    is_one = REFERENCE.fullmatch(reference) and reference.startswith(_CLINICIANS)
    return reference if is_one else None
