"""Reading bodies: to their end, up to a limit, whatever the server's stream is like."""

from io import BytesIO

import pytest
from werkzeug.exceptions import ClientDisconnected, RequestTimeout

from cds_hooks.bodies import read_body
from cds_hooks.errors import BadRequest, PayloadTooLarge

CANARY = "zq7canary"
CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


class Stream:
    """Gives what it was made of, one piece for each read, and raises an exception."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)
        self.asked = []

    def read(self, size):
        self.asked.append(size)
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, Exception):
            raise piece
        return piece


def body(stream, max_bytes=10, **environ):
    """Read a body of at most ten bytes."""
    return read_body({"wsgi.input": stream, **environ}, max_bytes)


def test_pieces_are_put_together_and_no_byte_more_is_asked_for():
    """What follows on the connection is another request."""
    stream = Stream(b"ab", b"c", b"de", b"next")
    assert body(stream, CONTENT_LENGTH="5") == b"abcde"
    assert stream.asked == [5, 3, 2]


def test_a_chunked_body_ends_where_the_server_says():
    """There is no length to go by."""
    assert body(Stream(b"abc", b"d"), **CHUNKED) == b"abcd"


@pytest.mark.parametrize("length", [None, "0", "-1", "x"])
def test_without_a_length_nothing_is_read(length):
    """A stream that nobody ends could be waited for without end."""
    stream = BytesIO(b"abc")
    sent = {"CONTENT_LENGTH": length} if length else {}
    assert body(stream, **sent) == b""
    assert stream.tell() == 0


def test_what_says_that_it_is_too_large_is_not_read():
    """It would only cost time."""
    stream = Stream(b"x")
    with pytest.raises(PayloadTooLarge, match="at most 10 bytes"):
        body(stream, CONTENT_LENGTH="11")
    assert stream.asked == []


def test_a_chunked_body_that_is_too_large_is_read_one_byte_too_far():
    """So it is known to be, and the rest stays where it is."""
    stream = BytesIO(b"x" * 100)
    with pytest.raises(PayloadTooLarge, match="at most 10 bytes"):
        body(stream, **CHUNKED)
    assert stream.tell() == 11
    assert body(BytesIO(b"x" * 10), **CHUNKED) == b"x" * 10


def test_a_body_that_is_cut_off_is_no_body():
    """Half of a request could be valid JSON."""
    with pytest.raises(ClientDisconnected):
        body(Stream(b"ab"), CONTENT_LENGTH="5")


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (OSError(CANARY), ClientDisconnected),
        (ValueError(CANARY), ClientDisconnected),
        (RequestTimeout(), RequestTimeout),
        (RuntimeError(CANARY), BadRequest),
    ],
    ids=repr,
)
def test_what_the_server_raises_is_told_without_its_words(raised, told):
    """Each server has its own exceptions for a client that breaks off."""
    with pytest.raises(told) as caught:
        body(Stream(b"ab", raised), CONTENT_LENGTH="5")
    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value is raised
