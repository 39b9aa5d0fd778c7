"""The token that a hook request brings: for its own fetch and nothing else."""

import re
from dataclasses import dataclass, field
from typing import Final

from service.fhir.client.faults import Fault, FHIRError

__all__ = ["Bearer"]

#: RFC 6750 allows less; what is visible ASCII cannot end a header.
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")


@dataclass(frozen=True, slots=True)
class Bearer:
    """
    A bearer token; ``repr`` does not show it.

    Attributes
    ----------
    token : str
        The access token.
    expires_in_s : float or None
        Its life, as of when it was received; None if nothing is known of it.
    received_s : float
        When that was, on the client's clock (`time.monotonic`).

    Examples
    --------
    >>> Bearer("secret", 300, received_s=1000.0)
    Bearer(expires_in_s=300, received_s=1000.0)
    """

    token: str = field(repr=False)
    expires_in_s: float | None = None
    received_s: float = 0.0

    def header(self, now_s: float) -> str:
        """
        Write the ``Authorization`` header.

        Parameters
        ----------
        now_s : float
            The time, on the same clock.

        Returns
        -------
        str
            Its value.

        Raises
        ------
        FHIRError
            If the token has expired or could not stand in a header.
        """
        if not _TOKEN.fullmatch(self.token):
            raise FHIRError(Fault.TOKEN_UNUSABLE)
        if (
            self.expires_in_s is not None
            and now_s >= self.received_s + self.expires_in_s
        ):
            raise FHIRError(Fault.TOKEN_EXPIRED)
        return f"Bearer {self.token}"
