"""Reading bodies that may be compressed, never holding more than was allowed."""

import zlib
from collections.abc import Iterable

from portal.kernel.http.errors import BrokenOff, TooLarge

PLAIN = {"", "identity"}
GZIP = {"gzip", "x-gzip"}
DEFLATE = {"deflate"}


class Inflater:
    """Decompresses step by step; the next bytes are made only when those before were taken."""

    def __init__(self, encoding: str) -> None:
        self._gzip = encoding in GZIP
        self._inner = zlib.decompressobj(zlib.MAX_WBITS | 16 if self._gzip else zlib.MAX_WBITS)
        self._begun = False

    def take(self, piece: bytes, most: int) -> bytes:
        """Return what a piece becomes, but no more than `most` bytes of it."""
        made = []
        while piece and most > 0:
            if self._inner.eof:
                if not self._gzip:
                    break
                self._inner = zlib.decompressobj(zlib.MAX_WBITS | 16)  # one gzip after the other is one body
            out = self._step(piece, most)
            made.append(out)
            most -= len(out)
            piece = self._inner.unused_data if self._inner.eof else self._inner.unconsumed_tail
        return b"".join(made)

    def _step(self, piece: bytes, most: int) -> bytes:
        try:
            out = self._inner.decompress(piece, most)
        except zlib.error:
            if self._gzip or self._begun:
                raise
            self._inner = zlib.decompressobj(-zlib.MAX_WBITS)  # some servers leave out the zlib header
            out = self._inner.decompress(piece, most)
        self._begun = True
        return out

    @property
    def is_whole(self) -> bool:
        """Whether the compressed data came to its end."""
        return self._inner.eof


def read(pieces: Iterable[bytes], encoding: str, most: int, name: str) -> bytes:
    """Return the whole body, decompressed. TooLarge above `most` bytes, of which at most one more was ever made."""
    encoding = encoding.strip().lower()
    inflater = None if encoding in PLAIN else Inflater(encoding)
    made: list[bytes] = []
    size = came = 0
    try:
        for piece in pieces:
            came += len(piece)
            if came and encoding not in PLAIN | GZIP | DEFLATE:
                raise BrokenOff(f"{name} answered with the encoding {encoding[:40]!r}, which Rodeo didn’t ask for.")
            made.append(piece if inflater is None else inflater.take(piece, most + 1 - size))
            size += len(made[-1])
            if size > most or came > most:
                raise TooLarge(f"{name} answered with more than {most // 1024**2 or 1} MiB. It wasn’t saved.")
    except zlib.error:
        raise BrokenOff(f"{name} sent an answer that can’t be decompressed.") from None
    if inflater is not None and came and not inflater.is_whole:
        raise BrokenOff(f"{name} stopped in the middle of its answer.")
    return b"".join(made)
