"""Sockets that wait for a client only so long: it must send, and read, in good time."""

import socket
from contextlib import suppress
from time import monotonic
from typing import Any

from werkzeug.exceptions import RequestTimeout

__all__ = ["PATIENCE_S", "Listener", "TimedSocket"]

#: Seconds for a whole request, head and body, from its first byte that is waited for;
#: as many for an answer to be taken. The largest body, 8 MB, needs 22 Mbit/s for it.
PATIENCE_S = 3.0

#: Seconds, and bytes, until a connection is closed on a client that goes on sending
#: after its answer. Closed at once, it might never see the answer.
_LINGER_S = 1.0
_LINGER_BYTES = 65536


class TimedSocket(socket.socket):  # as its base: numpydoc ignore=PR01
    """
    A connection whose requests must arrive within `PATIENCE_S` seconds in total.

    A time limit for each read alone is no limit: a client that sends a byte now and
    then keeps within it for ever. Here the clock starts with the first read and stops
    with the answer. Who sets a limit of its own with `settimeout` keeps it.
    """

    # What socket.socket itself allows, a dictionary, is not needed for two values.
    __slots__ = ("_ends", "_is_late")

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 as its base
        super().__init__(*args, **options)
        self._ends: float | None = None
        self._is_late = False

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """
        Read what has arrived, or wait for it while there is time.

        Parameters
        ----------
        bufsize : int
            Most bytes.
        flags : int
            As of the system call.

        Returns
        -------
        bytes
            At least one byte; none if the client has closed.

        Raises
        ------
        werkzeug.exceptions.RequestTimeout
            If the request was not there in time.
        """
        if self._is_late:  # what is there is taken, nothing is waited for
            self.settimeout(0)
            return super().recv(bufsize, flags)
        if self.gettimeout() is not None:
            return super().recv(bufsize, flags)
        if self._ends is None:
            self._ends = monotonic() + PATIENCE_S
        try:
            return self._recv_in_time(self._ends, bufsize, flags)
        except TimeoutError:
            self._is_late = True
            raise RequestTimeout from None

    def _recv_in_time(self, end: float, bufsize: int, flags: int) -> bytes:
        """Take what is there; only if nothing is, a limit must be set and unset."""
        if monotonic() < end:
            with suppress(BlockingIOError):
                return super().recv(bufsize, flags | socket.MSG_DONTWAIT)
        try:
            return self._recv_until(end, bufsize, flags)
        finally:
            self.settimeout(None)

    def _recv_until(self, end: float, bufsize: int, flags: int) -> bytes:
        left_s = end - monotonic()
        if left_s <= 0:
            raise TimeoutError
        self.settimeout(left_s)
        return super().recv(bufsize, flags)

    def sendall(self, data: Any, flags: int = 0, /) -> None:  # noqa: ANN401 any buffer
        """
        Send an answer; the next read is the start of another request.

        Parameters
        ----------
        data : bytes-like
            What to send.
        flags : int
            As of the system call.

        Raises
        ------
        TimeoutError
            If the client does not take it in time.
        """
        self._ends = None
        if self.gettimeout() is not None:
            super().sendall(data, flags)
            return
        with suppress(BlockingIOError):
            # Most answers fit into what the system keeps for the client.
            data = memoryview(data)[super().send(data, flags | socket.MSG_DONTWAIT) :]
        if data:
            self._sendall_in_time(data, flags)

    def _sendall_in_time(self, data: Any, flags: int) -> None:  # noqa: ANN401 as above
        self.settimeout(PATIENCE_S)
        try:
            super().sendall(data, flags)
        finally:
            self.settimeout(None)

    def linger(self) -> None:
        """Say that nothing follows, and give the client time to read that and close."""
        if self._is_late:
            return
        end, taken = monotonic() + _LINGER_S, 0
        with suppress(OSError):
            self.shutdown(socket.SHUT_WR)
            while taken < _LINGER_BYTES and (
                part := self._recv_until(end, _LINGER_BYTES, 0)
            ):
                taken += len(part)
        self._is_late = True


class Listener:
    """
    A listening socket whose connections are `TimedSocket`.

    Parameters
    ----------
    listener : socket.socket
        The listening socket.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        #: Where it listens.
        self.getsockname = listener.getsockname

    def accept(self) -> tuple[TimedSocket, Any]:
        """
        Take the next connection.

        Returns
        -------
        connection : TimedSocket
            The connection.
        address : object
            Whose it is.
        """
        client, address = self._listener.accept()
        kind = (client.family, client.type, client.proto)
        return TimedSocket(*kind, fileno=client.detach()), address
