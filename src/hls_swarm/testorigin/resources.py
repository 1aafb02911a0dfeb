"""What the origin has to give: a path leads to a resource, a resource to its bytes."""

import gzip
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property, lru_cache
from typing import Protocol

PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
SEGMENT_TYPE = "video/mp2t"
MP4_TYPE = "video/mp4"
TEXT_TYPE = "text/plain; charset=utf-8"
_GZIP_LEVEL = 6


class StoredFile:
    """Bytes in memory that the kernel can send by itself, and that leave nothing behind when the process ends.

    It is an anonymous file (memfd_create(2)): no name, no disk, no folder to clean up or to fill. It closes once it is
    retired and nobody sends from it any more.
    """

    __slots__ = ("_holders", "_retired", "descriptor", "size")

    def __init__(self, name: str, content: bytes | bytearray) -> None:
        self.descriptor = os.memfd_create(name)
        self._holders, self._retired = 0, False
        self.size = len(content)
        view = memoryview(content)
        while view:
            view = view[os.write(self.descriptor, view) :]

    @property
    def is_open(self) -> bool:
        """Whether its bytes can still be had."""
        return self.descriptor >= 0

    def hold(self) -> None:
        """Keep it open until released."""
        self._holders += 1

    def release(self) -> None:
        """A holder is done with it."""
        self._holders -= 1
        self._close_if_unused()

    def retire(self) -> None:
        """Nobody will find it any more."""
        self._retired = True
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        if self._retired and self._holders == 0 and self.is_open:
            os.close(self.descriptor)
            self.descriptor = -1


class Caching(Enum):
    """How long a cache on the way may keep an answer (RFC 9111 5.2.2)."""

    NEVER = "no-store"
    REVALIDATE = "no-cache"
    BRIEFLY = "max-age=1"
    LONG = "public, max-age=3600, immutable"


@dataclass(frozen=True)
class Resource:
    """One representation (RFC 9110 3.2).

    Attributes:
        etag: its entity tag, quotes included; None if it has none.
        metered: whether requests for it belong to the stream's log and counters; those for metrics do not, as nginx's
            own status page is configured with `access_log off`.
        max_age: seconds that a cache may keep it, in place of what `caching` says.
        coding: how the content is coded (RFC 9110 8.4); empty: not at all.
    """

    content_type: str
    content: bytes | StoredFile
    caching: Caching
    etag: str | None = None
    metered: bool = True
    max_age: int | None = None
    coding: str = ""

    @property
    def size(self) -> int:
        """Bytes of the whole representation."""
        return self.content.size if isinstance(self.content, StoredFile) else len(self.content)

    @cached_property
    def fields(self) -> bytes:
        """Header lines that every answer about it has."""
        caching = self.caching.value if self.max_age is None else f"max-age={self.max_age}"
        lines = [f"Content-Type: {self.content_type}", f"Cache-Control: {caching}", "Accept-Ranges: bytes"]
        if self.etag is not None:
            lines.append(f"ETag: {self.etag}")
        if self.coding:
            lines.append(f"Content-Encoding: {self.coding}")
        if self.content_type == PLAYLIST_TYPE:
            lines.append("Vary: Accept-Encoding")
        return "".join(f"{line}\r\n" for line in lines).encode("ascii")

    @cached_property
    def zipped(self) -> "Resource":
        """The same with its content gzipped, which another entity tag tells apart; files stay as they are."""
        if isinstance(self.content, StoredFile):
            return self
        etag = None if self.etag is None else f'{self.etag[:-1]}-gzip"'
        return replace(self, content=_gzipped(self.content), etag=etag, coding="gzip")


@lru_cache(maxsize=64)
def _gzipped(content: bytes) -> bytes:
    return gzip.compress(content, _GZIP_LEVEL, mtime=0)


class Site(Protocol):
    """Part of what an origin serves: a live stream, metrics pages."""

    def find(self, path: str) -> Resource | None:
        """The resource at a path, as it is now."""


class Sites:
    """Several sites as one; the first that has a path answers."""

    def __init__(self, sites: Iterable[Site]) -> None:
        self._sites = tuple(sites)

    def find(self, path: str) -> Resource | None:
        """The resource at a path, as it is now."""
        for site in self._sites:
            resource = site.find(path)
            if resource is not None:
                return resource
        return None
