"""The log format that the log exporter reads, and one line of it.

Rules:

- A line is fields `label:value` with tabs between them (LTSV), in any order; labels that are not known are passed over,
  so a log kept for other readers too may have more of them. `status`, `bytes` and `request_time` must be there.
- nginx writes control characters in values as `\x09`, so what a client sends can not make a field of its own.
- `$upstream_response_time` has a time for each server that was tried, with `, ` and ` : ` between them, and `-` for one
  that gave no answer: the request waited for all of them, so their sum is its upstream time.
- A cache status that nginx does not have counts as `OTHER`: the number of series is bounded, whatever a log says.
"""

import re
from typing import NamedTuple

LOG_FORMAT = r"""log_format hls_swarm 'time:$msec\tstatus:$status\tbytes:$bytes_sent'
    '\trequest_time:$request_time\tupstream_time:$upstream_response_time'
    '\tcache:$upstream_cache_status';"""
"""For the `http` block of nginx; `access_log FILE hls_swarm;` then writes it."""

CACHE_STATUSES = ("HIT", "MISS", "EXPIRED", "STALE", "UPDATING", "REVALIDATED", "BYPASS", "SCARCE")
"""What `$upstream_cache_status` can be."""

OTHER = "OTHER"

_USUAL = re.compile(
    rb"time:[\d.]*\tstatus:(\d\d\d)\tbytes:(\d{1,18})\trequest_time:(\d{1,9}(?:\.\d{1,9})?)"
    rb"\tupstream_time:([^\t]*)\tcache:([^\t]*)"
)
_STATUS = re.compile(rb"\d\d\d")
_WHOLE = re.compile(rb"\d{1,18}")
_SECONDS = re.compile(rb"\d{1,9}(?:\.\d{1,9})?")
_TRIES = re.compile(rb"(?:, | : |,|:)")
_CACHE = {status.encode(): status for status in CACHE_STATUSES}


class LogLine(NamedTuple):
    """One request as nginx logged it.

    Attributes:
        sent_bytes: to the client, head and body.
        upstream_seconds: None if no upstream was asked.
        cache_status: empty if no cache was asked.
    """

    status: str
    sent_bytes: int
    seconds: float
    upstream_seconds: float | None
    cache_status: str


def read_line(line: bytes) -> LogLine | None:
    """The request that a line tells of; None if it is not a line of the format."""
    usual = _USUAL.fullmatch(line)
    if usual is not None:
        status, size, seconds, upstream, cache = usual.groups()
    else:
        fields = dict(field.partition(b":")[::2] for field in line.split(b"\t"))
        status, size, seconds = (fields.get(name, b"") for name in (b"status", b"bytes", b"request_time"))
        if not (_STATUS.fullmatch(status) and _WHOLE.fullmatch(size) and _SECONDS.fullmatch(seconds)):
            return None
        upstream, cache = fields.get(b"upstream_time", b""), fields.get(b"cache", b"")
    upstream_seconds = None
    if upstream not in (b"-", b""):
        tries = [one for one in _TRIES.split(upstream) if one != b"-"]
        if not all(_SECONDS.fullmatch(one) for one in tries):
            return None
        upstream_seconds = sum(map(float, tries)) if tries else None
    cache_status = "" if cache in (b"-", b"") else _CACHE.get(cache, OTHER)
    return LogLine(status.decode(), int(size), float(seconds), upstream_seconds, cache_status)
