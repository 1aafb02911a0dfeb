"""The table of prometheus-varnish-exporter."""

from hls_swarm.origin.dialects.formulas import gauge, rate
from hls_swarm.origin.dialects.signals import Dialect, row
from hls_swarm.origin.interval import NOTHING_HAPPENED, Inputs, NotKnown, label_in


def _hits(inputs: Inputs) -> float:
    """Hits of hits and misses; passes ask for no object of the cache."""
    hits, misses = inputs.increase(0), inputs.increase(1)
    if hits + misses <= 0:
        raise NotKnown(NOTHING_HAPPENED)
    return hits / (hits + misses)


VARNISH = Dialect(
    name="prometheus-varnish-exporter",
    signs=("varnish_up", "varnish_main_client_req"),
    up="varnish_up",
    always="varnish_main_client_req",
    server="varnish",
    up_signal="varnish_up",
    rows=(
        row("varnish_sessions_per_second", "varnish_main_sessions", by=rate, where=label_in("type", "conn")),
        row("varnish_drops_per_second", "varnish_main_sessions", by=rate, where=label_in("type", "dropped")),
        row("varnish_requests_per_second", "varnish_main_client_req", by=rate),
        row("varnish_out_bytes_per_second", "varnish_main_s_resp_bodybytes", by=rate),
        row("varnish_cache_hit_ratio", "varnish_main_cache_hit", "varnish_main_cache_miss", by=_hits),
        row("varnish_backend_fetches_per_second", "varnish_main_backend_req", by=rate),
        row("varnish_backend_failures_per_second", "varnish_main_backend_fail", by=rate),
        row("varnish_threads", "varnish_main_threads", by=gauge),
        row("varnish_storage_bytes", "varnish_sma_g_bytes", by=gauge),
        row("varnish_storage_bytes", "varnish_smf_g_bytes", by=gauge),
        row("varnish_evictions_per_second", "varnish_main_n_lru_nuked", by=rate),
    ),
    how_to_get={"varnish_storage_bytes": "exported for the storage engines malloc and file"},
)
