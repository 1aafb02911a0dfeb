"""Which Content-Encoding fields say that a body is coded, gzip for one (RFC 9110 8.4).

A name that no registry knows (`utf-8`, `none`, `aws-chunked`: stores replay what they were told) is no coding: the body
is as it came.
"""

from functools import lru_cache

REGISTERED = frozenset(
    {"aes128gcm", "br", "compress", "dcb", "dcz", "deflate", "exi", "gzip", "identity", "pack200-gzip"}
    | {"x-compress", "x-gzip", "zstd"}
)
"""IANA's registry of content codings."""
_CODED = REGISTERED - {"identity"}


def names(encoding: str) -> list[str]:
    """The codings of a field in small letters, in the order in which they were applied."""
    return [name.strip().lower() for name in encoding.split(",")]


@lru_cache(maxsize=64)
def is_coded(encoding: str) -> bool:
    """Whether a body with such a field is another than what was asked for."""
    return not _CODED.isdisjoint(names(encoding))
