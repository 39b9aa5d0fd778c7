"""Keyed hashes in place of identifiers, with a key for each tenant."""

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from zlib import crc32

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["Pseudonyms", "derive_key"]

_HASH_DIGITS: Final = 32
_KEY_ID_DIGITS: Final = 8
_BLOCK_BYTES: Final = 64


def derive_key(secret: bytes, purpose: bytes, salt: bytes = b"") -> bytes:
    """
    Derive a key of 32 bytes: HKDF with SHA-256 (RFC 5869), one block.

    Parameters
    ----------
    secret : bytes
        The secret that it is derived from.
    purpose : bytes
        What it is for; another purpose gives another key.
    salt : bytes, optional
        Public randomness.

    Returns
    -------
    bytes
        The key.

    Examples
    --------
    >>> derive_key(b"secret", b"one") == derive_key(b"secret", b"another")
    False
    """
    extracted = hmac.digest(salt or bytes(32), secret, sha256)
    return hmac.digest(extracted, purpose + b"\x01", sha256)


class Pseudonyms:
    """
    Give patients, encounters and users names that only the key's owner can retrace.

    Parameters
    ----------
    secret_key : str
        The installation's secret key.

    Attributes
    ----------
    key_id : str
        Which key: it stands beside each hash, and says nothing of the key.

    Examples
    --------
    >>> names = Pseudonyms("a key of at least thirty-two characters")
    >>> len(names.patient("north", "p1"))
    32
    >>> names.patient("north", "p1") == names.patient("south", "p1")
    False
    """

    def __init__(self, secret_key: str) -> None:
        self._secret = secret_key.encode()
        self._states: dict[str, tuple[_Hash, _Hash]] = {}
        named = derive_key(self._secret, b"scnen-cds store: name of the key")
        self.key_id = named.hex()[:_KEY_ID_DIGITS]

    def patient(self, tenant: str, identifier: str) -> str:
        """
        Hash the id of a patient.

        Parameters
        ----------
        tenant : str
            Whose patient it is.
        identifier : str
            Id of the Patient resource, as calls have it.

        Returns
        -------
        str
            32 hexadecimal digits: 128 bits of HMAC-SHA-256 under the tenant's key.
        """
        return self._hash(tenant, "Patient/" + identifier)

    def encounter(self, tenant: str, identifier: str) -> str:
        """
        Hash the id of an encounter.

        Parameters
        ----------
        tenant : str
            Whose encounter it is.
        identifier : str
            Id of the Encounter resource.

        Returns
        -------
        str
            As for a patient.
        """
        return self._hash(tenant, "Encounter/" + identifier)

    def user(self, tenant: str, reference: str) -> str:
        """
        Hash the reference to a user.

        Parameters
        ----------
        tenant : str
            Whose user it is.
        reference : str
            Such as ``Practitioner/123``.

        Returns
        -------
        str
            As for a patient.
        """
        return self._hash(tenant, "User/" + reference)

    def showing(self, tenant: str, card: str, encounter: str, words: str) -> str:
        """
        Name what a card said in an encounter.

        Parameters
        ----------
        tenant : str
            Whose encounter it is.
        card : str
            The card's uuid.
        encounter : str
            Id of the Encounter resource.
        words : str
            What the card said.

        Returns
        -------
        str
            Another word, card or encounter gives another name.
        """
        # Thousands of characters in a call: a check sum is enough to tell two texts
        # of one card apart.
        said = f"Showing/{card}/{crc32(words.encode()):x}/{encounter}"
        return self._hash(tenant, said)

    def _hash(self, tenant: str, identifier: str) -> str:
        """Give HMAC-SHA-256: with the key worked in before, it is half the work."""
        states = self._states.get(tenant)
        if states is None:
            purpose = b"scnen-cds store: tenant " + tenant.encode()
            states = _states(derive_key(self._secret, purpose))
            self._states[tenant] = states
        inner, outer = states[0].copy(), states[1].copy()
        inner.update(identifier.encode())
        outer.update(inner.digest())
        return outer.hexdigest()[:_HASH_DIGITS]


def _states(key: bytes) -> tuple["_Hash", "_Hash"]:
    """Begin both hashes of HMAC (RFC 2104)."""
    block = key.ljust(_BLOCK_BYTES, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in block) for pad in (0x36, 0x5C))
    return sha256(inner), sha256(outer)
