"""Timelines made by hand: a quiet run of so many viewers, and what a test changes in it from some second on."""

from collections.abc import Iterator, Mapping

from hls_swarm.judge.timeline import Row

VIEWERS = 20.0
STARTED_AT = 1_769_868_309.0

QUIET: Mapping[str, float] = {
    "viewers_target": VIEWERS,
    "viewers_due": VIEWERS,
    "viewers_active": VIEWERS,
    "viewers_starting": 0,
    "viewers_playing": VIEWERS,
    "viewers_stalled": 0,
    "segment_ttfb_seconds_p50": 0.002,
    "segment_ttfb_seconds_p95": 0.004,
    "segment_download_seconds_p50": 0.02,
    "segment_download_seconds_p95": 0.04,
    "segment_relative_download_p50": 0.01,
    "segment_relative_download_p95": 0.02,
    "loop_lag_seconds_p99": 0.002,
    "machine_cpu_percent": 40.0,
}
"""Gauges and distributions of each second."""
QUIET_RATES: Mapping[str, float] = {
    "requests": 20.0,
    "segment_requests": 10.0,
    "media_playlist_requests": 10.0,
    "key_requests": 0.0,
    "unchanged_playlists": 1.0,
    "stale_playlists": 0.0,
    "errors": 0.0,
    "segment_errors": 0.0,
    "media_playlist_errors": 0.0,
    "viewers_failed": 0.0,
    "stalls": 0.0,
    "failovers": 0.0,
    "viewers_started": 0.0,
    "viewers_paced": 0.0,
    "late_starts": 0.0,
    "viewers_failed_generator": 0.0,
    "expired_segments": 0.0,
    "sequence_resets": 0.0,
    "mutated_segments": 0.0,
    "gap_segments": 0.0,
    "blocking_reloads": 0.0,
    "hinted_requests": 0.0,
    "edge_late": 0.0,
    "edge_not_held": 0.0,
    "edge_refused": 0.0,
    "edge_unavailable": 0.0,
    "edge_hint_lost": 0.0,
    "player_log_lines_dropped": 0.0,
    "datagrams_received": 5000.0,
    "datagrams_dropped": 0.0,
}
"""How much counters rise each second."""

Values = Mapping[str, float | None]
"""Columns; None takes one away. A counter is named without `_total`, and its value is what it rises by each second."""


def timeline(*parts: tuple[float, Values], seconds: int = 60) -> Iterator[Row]:
    """The rows of a run.

    Args:
        parts: from which second on what is different from the quiet run; each takes the place of the one before.
    """
    totals = dict.fromkeys(QUIET_RATES, 0.0)
    totals["viewers_started"] = VIEWERS
    for second in range(1, seconds + 1):
        changed: Values = {}
        for since, values in parts:
            if second >= since:
                changed = values
        row: dict[str, float | str] = {"elapsed_seconds": float(second), "time": STARTED_AT + second, "phase": "steady"}
        counters = {name: value for name, value in changed.items() if _is_counter(name)}
        rates: dict[str, float | None] = {**QUIET_RATES, **counters}
        for name, rise in rates.items():
            base, _, where = name.partition("@")
            column = f"{base}_total@{where}" if where else f"{base}_total"
            if rise is None:
                continue
            totals[name] = totals.get(name, 0.0) + rise
            row[column] = totals[name]
            if not where:
                row[f"{base}_per_second"] = rise
        values = {**QUIET, **{name: value for name, value in changed.items() if not _is_counter(name)}}
        row.update({name: value for name, value in values.items() if value is not None})
        yield row


def _is_counter(name: str) -> bool:
    base = name.partition("@")[0]
    return base in QUIET_RATES or base in _COUNTERS_OF_PARTS


_COUNTERS_OF_PARTS = frozenset(
    {
        "host_errors",
        "group_stalled_seconds",
        "group_watched_seconds",
        "group_errors",
        "mistyped",
        "leaping_playlists",
        "older_playlists",
        "date_jumps",
    }
)
