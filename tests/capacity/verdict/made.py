"""Timelines of searches, made by hand: an origin at which nothing is wrong, and what a test makes wrong with it.

A column is named as in the timeline; one of the origin by its signal with `@` before it.
"""

from collections.abc import Callable, Mapping, Sequence

from hls_swarm.capacity.steps import Kind, Result, VoidBecause
from hls_swarm.capacity.trial import Trial
from hls_swarm.capacity.verdict.case import Case
from hls_swarm.judge.timeline import Row

Value = float | Callable[[float], float]
"""Of a load, or of the share of its trial that is over."""

HELD_LOADS = (10, 20, 30, 37)
FAILED_LOAD = 39
SECONDS = 30
RAMP = 5
OBJECTIVE = "segment_relative_download_p95"


def quiet(viewers: int) -> dict[str, float]:
    """What every column says of an origin with nothing near its limit."""
    return {
        OBJECTIVE: 0.02,
        "viewers_active": viewers,
        "body_bytes_per_second": 63_000.0 * viewers,
        "rtt_seconds_p50": 0.0006,
        "segment_ttfb_seconds_p50": 0.004,
        "segment_download_seconds_p50": 0.02,
        "segment_relative_download_p50": 0.01,
        "connect_seconds_p95": 0.002,
        "connections_opened_per_second": 0.1,
        "answers_ok_per_second": 1.0 * viewers,
        "answers_refused_per_second": 0.0,
        "answers_broken_per_second": 0.0,
        "answers_gateway_per_second": 0.0,
        "stale_playlists_per_second": 0.0,
        "loop_lag_seconds_p99": 0.002,
        "lateness_seconds_p95": 0.001,
        "generator_cpu_percent": 0.3 * viewers,
        "errors_generator_per_second": 0.0,
        "@cpu_percent": 0.3 * viewers,
        "@cpu_busiest_core_percent": 0.5 * viewers,
        "@cpu_throttled_percent": 0.0,
        "@cpu_steal_percent": 0.0,
        "@cpu_softirq_percent": 1.0,
        "@pressure_cpu_percent": 0.5,
        "@pressure_io_percent": 0.1,
        "@pressure_memory_percent": 0.0,
        "@softnet_dropped_per_second": 0.0,
        "@softnet_squeezed_per_second": 0.0,
        "@network_out_bytes_per_second": 65_000.0 * viewers,
        "@network_link_percent": 0.01 * viewers,
        "@network_allowance_exceeded_per_second": 0.0,
        "@tcp_retransmit_ratio": 0.001,
        "@tcp_listen_overflows_per_second": 0.0,
        "@nginx_drops_per_second": 0.0,
        "@nginx_connections": viewers + 1.0,
        "@nginx_upstream_ratio": 0.05,
        "@nginx_cache_hit_ratio": 0.98,
        "@varnish_cache_hit_ratio": 0.98,
        "@varnish_backend_fetches_per_second": 1.0,
        "@haproxy_queue": 0.0,
        "@file_descriptors_percent": 2.0,
        "@disk_read_bytes_per_second": 100.0,
        "@disk_write_bytes_per_second": 90.0,
        "@disk_busy_percent": 1.0,
        "@disk_read_seconds": 0.001,
        "@memory_used_percent": 30.0,
        "@memory_major_faults_per_second": 0.0,
        "@memory_swap_in_per_second": 0.0,
        "@memory_oom_kills_per_second": 0.0,
        "@conntrack_percent": 1.0,
        "@conntrack_drops_per_second": 0.0,
    }


def case(
    failed: Mapping[str, Value] | None = None,
    *,
    held: Mapping[str, Callable[[float], float]] | None = None,
    without: Sequence[str] = (),
    nothing_holds: bool = False,
    void: VoidBecause | None = None,
    target: str = "a",
    overload: int | None = None,
) -> Case:
    """A search that found 37, and what was wrong at 39.

    Args:
        failed: columns at the load that failed, which may depend on the share of its trial that is over.
        held: columns at every load, by the load; `failed` comes before it.
        without: columns that nothing says.
        nothing_holds: no load held: those of 20 and of 10 failed as that of 39 did.
        void: the last trials failed no objective but were void.
        overload: so many viewers were there at the end.
    """
    rows: list[Row] = []
    trials: list[Trial] = []
    loads = [(load, Result.HELD) for load in HELD_LOADS]
    if nothing_holds:
        loads = [(load, Result.FAILED) for load in (20, 10)]
    loads += [(FAILED_LOAD, Result.FAILED if void is None else Result.VOID)]
    if overload is not None:
        loads.append((overload, Result.FAILED))
    for viewers, result in loads:
        began_at = len(rows) + RAMP
        for second in range(RAMP + SECONDS):
            share = max(0.0, (second - RAMP) / SECONDS)
            columns: dict[str, Value] = dict(quiet(viewers))
            columns |= {name: by_load(viewers) for name, by_load in (held or {}).items()}
            if result is not Result.HELD and second >= RAMP:
                columns |= {OBJECTIVE: 1.28 if void is None else 0.02}
                columns |= (failed or {}) if overload in {None, viewers} else {}
            row: dict[str, float | str] = {
                "elapsed_seconds": len(rows) + 1.0,
                "time": 1e9 + len(rows),
                "phase": "steady",
            }
            for name, value in columns.items():
                if name not in without:
                    known = value if isinstance(value, float | int) else value(share)
                    row[f"origin_{name[1:]}@{target}" if name.startswith("@") else name] = known
            rows.append(row)
        trials.append(
            Trial(
                viewers,
                Kind.OVERLOAD if viewers == overload else Kind.FULL,
                result,
                float(began_at),
                float(len(rows)),
                float(SECONDS),
                because=void if result is Result.VOID else None,
            )
        )
    lowest = min(load for load, result in loads if result is not Result.HELD)
    return Case(
        trials,
        rows,
        None if nothing_holds else HELD_LOADS[-1],
        lowest,
        objective_column=OBJECTIVE,
        objective_limit=0.5,
    )
