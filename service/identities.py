"""Names of cards and suggestions: the same for the same content, not to be guessed."""

from hashlib import blake2b, sha256

import orjson

__all__ = ["Identities"]

_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


class Identities:
    """
    Derive name-based UUIDs under a secret key.

    Parameters
    ----------
    secret_key : bytes
        The key, the same for all workers.
    """

    def __init__(self, secret_key: bytes) -> None:
        # BLAKE2 takes keys of at most 64 bytes: any length is hashed into 32.
        self._key = sha256(secret_key).digest()

    def name(self, *parts: str | None) -> str:
        """
        Name something.

        Parameters
        ----------
        *parts : str or None
            What it is.

        Returns
        -------
        str
            A UUID; whoever does not hold the key cannot guess it.

        Examples
        --------
        >>> names = Identities(b"a key of at least thirty-two bytes")
        >>> names.name("Patient", None) == names.name("Patient", None)
        True
        """
        named = orjson.dumps(parts)
        bits = blake2b(named, key=self._key, digest_size=16).hexdigest()
        # RFC 9562: one digit for the version, two bits for the variant. The class UUID
        # would take longer than the hash.
        head, middle = f"{bits[:8]}-{bits[8:12]}-5{bits[13:16]}", bits[17:20]
        return f"{head}-{_VARIANT[bits[16]]}{middle}-{bits[20:]}"
