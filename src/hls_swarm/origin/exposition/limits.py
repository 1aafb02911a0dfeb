"""How large a metrics page may be: what is larger is refused before any work is done on it.

Real pages have 200 to 20,000 lines of 20 to 300 characters with up to 20 labels. The limits leave room for more, and
bound the time and the memory that a page can take: some seconds and some 100 MB, in a thread of its own.
"""

MOST_BYTES = 16 << 20
"""Of a page, before and after decompression."""
MOST_LINES = 100_000
"""Of a page, comments included; there can not be more samples."""
LONGEST_LINE = 64 << 10
"""Bytes."""
MOST_LABELS = 128
"""Of a sample."""


def too_large(body: bytes) -> str:
    """What of a page is beyond a limit, in words; empty if nothing is."""
    if len(body) > MOST_BYTES:
        return f"a page of {len(body):,} bytes, more than the {MOST_BYTES:,} that are read"
    lines = body.count(b"\n") + (body[-1:] != b"\n")
    if lines > MOST_LINES:
        return f"a page of {lines:,} lines, more than the {MOST_LINES:,} that are read: have the exporter tell less"
    start = 0
    while len(body) - start > LONGEST_LINE:
        end = body.rfind(b"\n", start, start + LONGEST_LINE + 1)
        if end < 0:
            line = body.count(b"\n", 0, start) + 1
            shown = body[start : start + 60].decode(errors="replace")
            return f"line {line} has more than {LONGEST_LINE:,} bytes: {shown!r}"
        start = end + 1
    return ""
