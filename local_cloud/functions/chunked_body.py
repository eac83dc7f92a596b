"""Decoder of a chunked HTTP body with trailers, which takes the bytes as they arrive."""

from __future__ import annotations

_LONGEST_LINE = 1_048_576  # a trailer carries the error object, in base64


class ChunkedBody:
    """Cuts the framing off a chunked body.

    Attributes:
        ended: The last chunk and the trailers were read.
        trailers: The trailers by their names in lower case.
    """

    def __init__(self) -> None:
        self.ended = False
        self.trailers: dict[str, str] = {}
        self._left = 0  # bytes of the current chunk, with the line break after it
        self._in_trailers = False

    def decode(self, buffer: bytearray) -> bytes:
        """Take what can be decoded out of the buffer and return it.

        Raises:
            ValueError: The framing is not valid.
        """
        decoded = bytearray()
        while buffer and not self.ended:
            if self._left > 2:
                part = buffer[: self._left - 2]
                decoded += part
                del buffer[: len(part)]
                self._left -= len(part)
            elif self._left:
                if len(buffer) < 2:
                    break
                if buffer[:2] != b"\r\n":
                    raise ValueError("a chunk is longer than its size")
                del buffer[:2]
                self._left = 0
            elif not self._read_line(buffer):
                break
        return bytes(decoded)

    def _read_line(self, buffer: bytearray) -> bool:
        end = buffer.find(b"\r\n")
        if end < 0:
            if len(buffer) > _LONGEST_LINE:
                raise ValueError("a line is too long")
            return False
        line = bytes(buffer[:end])
        del buffer[: end + 2]
        if self._in_trailers:
            if line:
                name, _, value = line.decode("latin-1").partition(":")
                self.trailers[name.strip().lower()] = value.strip()
            else:
                self.ended = True
            return True
        size = line.partition(b";")[0].strip()
        if not size or size.strip(b"0123456789abcdefABCDEF"):
            raise ValueError("the size of a chunk is not a number")
        length = int(size, 16)
        self._in_trailers = length == 0
        self._left = length + 2 if length else 0
        return True
