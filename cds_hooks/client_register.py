"""All EHR clients of an installation, found by what a call says of itself."""

from collections.abc import Collection, Iterable, Iterator

from cds_hooks.clients import Client

__all__ = ["ClientRegister"]


class ClientRegister:
    """
    The clients of an installation, in the order of the file.

    Parameters
    ----------
    clients : iterable of Client
        The clients. `cds_hooks.register.load_register` sees to it that no two of them
        share a name, an issuer or a FHIR server.
    """

    def __init__(self, clients: Iterable[Client] = ()) -> None:
        self._clients = tuple(clients)
        self._by_name = {client.name: client for client in self._clients}
        self._by_issuer = {c.issuer: c for c in self._clients if c.issuer is not None}
        self._by_certificate = {
            name: client
            for client in self._clients
            if client.issuer is None
            for name in client.certificates
        }

    def __iter__(self) -> Iterator[Client]:
        """Go through the clients in order."""
        return iter(self._clients)

    def __len__(self) -> int:
        """Count the clients."""
        return len(self._clients)

    def by_name(self, name: str) -> Client | None:
        """
        Find a client by its name.

        Parameters
        ----------
        name : str
            The name.

        Returns
        -------
        Client or None
            The client.
        """
        return self._by_name.get(name)

    def by_issuer(self, issuer: str) -> Client | None:
        """
        Find the client that an issuer signs for.

        Parameters
        ----------
        issuer : str
            ``iss`` of a JWT.

        Returns
        -------
        Client or None
            The client.
        """
        return self._by_issuer.get(issuer)

    def by_certificate(self, names: Collection[str]) -> Client | None:
        """
        Find the client that proves itself by a certificate alone.

        Parameters
        ----------
        names : collection of str
            Fingerprint and subject of the certificate, as they are registered.

        Returns
        -------
        Client or None
            The client; None also if it has an issuer, and so must sign.
        """
        clients = filter(None, map(self._by_certificate.get, names))
        found = {client.name: client for client in clients}
        return next(iter(found.values())) if len(found) == 1 else None

    def at_fhir_server(self, url: object) -> Client | None:
        """
        Find the client to which a FHIR server belongs.

        Parameters
        ----------
        url : object
            A request's ``fhirServer``, as it was sent.

        Returns
        -------
        Client or None
            The client; only in open mode does this say who is calling.
        """
        return next((c for c in self._clients if c.fhir_server(url)), None)
