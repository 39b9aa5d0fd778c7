"""How an EHR knows the SMART app that a card's link or a chart launches."""

from dataclasses import dataclass, field

from cds_hooks.errors import InvalidClient

__all__ = ["SMARTApp"]


@dataclass(frozen=True, slots=True)
class SMARTApp:
    """
    One registration of the app with an EHR; ``repr`` shows no secret.

    Attributes
    ----------
    client_id : str
        OAuth 2.0 client id that the EHR gave.
    secret : str or None
        Client secret, of a confidential client.
    key : str or None
        Private key (PEM) with which the app signs its assertions instead; RSA or P-384.
    key_id : str or None
        Name of that key in the key set that the EHR was given.
    frame_ancestors : tuple of str
        Origins that may show the app in a frame; empty: it is opened by itself.
    writes : bool
        Whether leave to write is asked for.

    Raises
    ------
    InvalidClient
        If there are two ways to prove itself, or half of one.

    Examples
    --------
    >>> SMARTApp("scnen").is_confidential
    False
    >>> SMARTApp("scnen", secret="hush")
    SMARTApp(client_id='scnen', key_id=None, frame_ancestors=(), writes=True)
    """

    client_id: str
    secret: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)
    key_id: str | None = None
    frame_ancestors: tuple[str, ...] = ()
    writes: bool = True

    def __post_init__(self) -> None:
        """Refuse two ways to prove itself, and a key without its name."""
        if self.secret is not None and self.key is not None:
            raise InvalidClient(
                "names a secret and a key", "give one of the two files, or neither"
            )
        if (self.key is None) != (self.key_id is None):
            raise InvalidClient(
                "names a key without key_id, or the other way round",
                "give private_key_file and key_id, or neither",
            )

    @property
    def is_confidential(self) -> bool:  # numpydoc ignore=RT01
        """Whether it proves itself to the EHR's authorisation server."""
        return self.secret is not None or self.key is not None

    @property
    def is_framed(self) -> bool:  # numpydoc ignore=RT01
        """Whether the EHR shows it in a frame of its own pages."""
        return bool(self.frame_ancestors)
