"""Every signal an origin can be known by: the names that JSON, endpoint, thresholds and views share.

How a page's families become these values is in `hls_swarm.origin`, one table a dialect. The order is the order in
which views draw them.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from hls_swarm.settings.own_signals import OWN_PREFIX
from hls_swarm.snapshot.origin.metrics import Group, SignalInfo, Unit

_WINDOWED = frozenset(Unit) - {Unit.BYTES, Unit.COUNT}
NGINX_STEP = 0.001
"""nginx's clock counts milliseconds: `$request_time` of what took less is 0.000."""
_QUANTILE = re.compile(r"p\d+")
_LONGEST_FIRST = tuple(sorted(Unit, key=len, reverse=True))


def _signals(group: Group, *rows: tuple[str, Unit, str, str]) -> tuple[SignalInfo, ...]:
    """A group's rows: name, unit, title, help. What a rolling window makes sense of has one."""
    return tuple(
        SignalInfo(name, unit, group, title, text, unit in _WINDOWED, _quantile_of(name), _step_of(name))
        for name, unit, title, text in rows
    )


def _quantile_of(name: str) -> str:
    histogram, _, last = name.rpartition("_")
    return histogram if _QUANTILE.fullmatch(last) else ""


def _step_of(name: str) -> float:
    return NGINX_STEP if name.startswith("nginx_request_seconds_") else 0.0


_CPU = _signals(
    Group.CPU,
    ("cpu_percent", Unit.PERCENT, "CPU", "CPU time neither idle nor waiting for I/O, of all cores"),
    ("cpu_busiest_core_percent", Unit.PERCENT, "busiest core", "CPU use of the busiest core: one thread saturates one"),
    ("cpu_iowait_percent", Unit.PERCENT, "I/O wait", "CPU time idle with I/O outstanding"),
    ("cpu_steal_percent", Unit.PERCENT, "steal", "CPU time the hypervisor gave to others"),
    ("cpu_softirq_percent", Unit.PERCENT, "softirq", "CPU time in soft interrupts: mostly the network stack"),
    ("cpu_cores", Unit.COUNT, "cores", "CPUs the machine has online"),
    ("load_per_core", Unit.MULTIPLE, "load per core", "load average of one minute by the number of cores"),
    (
        "cpu_throttled_percent",
        Unit.PERCENT,
        "throttled",
        "periods in which a container was held back by its CPU quota, of the one that was most",
    ),
)
_MEMORY = _signals(
    Group.MEMORY,
    ("memory_used_bytes", Unit.BYTES, "used", "memory that is not available for new work: total less available"),
    ("memory_total_bytes", Unit.BYTES, "total", "memory the machine has"),
    ("memory_used_percent", Unit.PERCENT, "used", "memory used of the total"),
    ("memory_swap_in_per_second", Unit.PER_SECOND, "swap-in", "pages read back from swap"),
    ("memory_major_faults_per_second", Unit.PER_SECOND, "major faults", "page faults that had to read from a disk"),
    ("memory_oom_kills_per_second", Unit.PER_SECOND, "OOM kills", "processes killed for want of memory"),
)
_NETWORK = _signals(
    Group.NETWORK,
    ("network_in_bytes_per_second", Unit.BYTES_PER_SECOND, "in", "received by the physical or primary devices"),
    ("network_out_bytes_per_second", Unit.BYTES_PER_SECOND, "out", "sent by the physical or primary devices"),
    ("network_link_percent", Unit.PERCENT, "link use", "sending rate of the speed of the link, of the fullest link"),
    (
        "network_allowance_exceeded_per_second",
        Unit.PER_SECOND,
        "over allowance",
        "packets held back because the machine used up what its provider allows",
    ),
    (
        "softnet_dropped_per_second",
        Unit.PER_SECOND,
        "softnet drops",
        "packets dropped: a core's receive queue was full",
    ),
    (
        "softnet_squeezed_per_second",
        Unit.PER_SECOND,
        "softnet squeezes",
        "times that a core ended its network work with packets left",
    ),
    ("conntrack_percent", Unit.PERCENT, "conntrack", "connections tracked of those that can be"),
    ("conntrack_drops_per_second", Unit.PER_SECOND, "conntrack drops", "packets dropped by connection tracking"),
)
_DISK = _signals(
    Group.DISK,
    ("disk_read_bytes_per_second", Unit.BYTES_PER_SECOND, "read", "read from whole devices"),
    ("disk_write_bytes_per_second", Unit.BYTES_PER_SECOND, "write", "written to whole devices"),
    ("disk_busy_percent", Unit.PERCENT, "busy", "time with I/O in progress, of the busiest device"),
    ("disk_read_seconds", Unit.SECONDS, "read time", "average time of a read, waiting included"),
)
_TCP = _signals(
    Group.TCP,
    ("tcp_connections", Unit.COUNT, "connections", "TCP connections established or closing (CurrEstab)"),
    ("tcp_sockets", Unit.COUNT, "sockets", "TCP sockets in use"),
    ("tcp_time_wait", Unit.COUNT, "TIME-WAIT", "TCP sockets in TIME-WAIT"),
    ("tcp_orphans", Unit.COUNT, "orphans", "TCP sockets no process holds any more"),
    ("tcp_retransmit_ratio", Unit.RATIO, "retransmits", "segments sent again of the segments sent"),
    ("tcp_listen_drops_per_second", Unit.PER_SECOND, "listen drops", "dropped before accept, overflows among them"),
    ("tcp_listen_overflows_per_second", Unit.PER_SECOND, "listen overflows", "connections dropped: accept queue full"),
)
_FILES = _signals(
    Group.FILES,
    ("file_descriptors", Unit.COUNT, "descriptors", "file descriptors in use on the whole machine"),
    ("file_descriptors_percent", Unit.PERCENT, "descriptors", "file descriptors in use of the machine's limit"),
)
_PRESSURE = _signals(
    Group.PRESSURE,
    ("pressure_cpu_percent", Unit.PERCENT, "CPU pressure", "time in which some task waited for a CPU"),
    ("pressure_io_percent", Unit.PERCENT, "I/O pressure", "time in which some task waited for I/O"),
    ("pressure_memory_percent", Unit.PERCENT, "memory pressure", "time in which some task waited for memory"),
)
_NGINX = _signals(
    Group.NGINX,
    ("nginx_up", Unit.COUNT, "up", "1 if nginx answers its exporter, 0 if not"),
    ("nginx_connections", Unit.COUNT, "connections", "client connections open, waiting ones too"),
    ("nginx_connections_reading", Unit.COUNT, "reading", "connections whose request head is being read"),
    ("nginx_connections_writing", Unit.COUNT, "writing", "connections an answer is being written to"),
    ("nginx_connections_waiting", Unit.COUNT, "waiting", "idle connections kept for the next request"),
    ("nginx_accepts_per_second", Unit.PER_SECOND, "new connections", "client connections accepted"),
    ("nginx_drops_per_second", Unit.PER_SECOND, "dropped", "connections accepted but not handled: out of resources"),
    ("nginx_requests_per_second", Unit.PER_SECOND, "requests", "client requests, the exporter's own among them"),
    ("nginx_responses_1xx_per_second", Unit.PER_SECOND, "1xx", "responses with a status of 100 to 199"),
    ("nginx_responses_2xx_per_second", Unit.PER_SECOND, "2xx", "responses with a status of 200 to 299"),
    ("nginx_responses_3xx_per_second", Unit.PER_SECOND, "3xx", "responses with a status of 300 to 399"),
    ("nginx_responses_4xx_per_second", Unit.PER_SECOND, "4xx", "responses with a status of 400 to 499"),
    ("nginx_responses_5xx_per_second", Unit.PER_SECOND, "5xx", "responses with a status of 500 to 599"),
    ("nginx_out_bytes_per_second", Unit.BYTES_PER_SECOND, "out", "sent to clients"),
    ("nginx_request_seconds_mean", Unit.SECONDS, "request time, average", "average time of a request (sum by count)"),
    ("nginx_request_seconds_p50", Unit.SECONDS, "request time P50", "median time of a request, from its buckets"),
    ("nginx_request_seconds_p95", Unit.SECONDS, "request time P95", "time that 95% of requests keep, from its buckets"),
    ("nginx_request_seconds_p99", Unit.SECONDS, "request time P99", "time that 99% of requests keep, from its buckets"),
    (
        "nginx_upstream_ratio",
        Unit.RATIO,
        "waiting for upstreams",
        "time requests waited for upstreams, of the time of all requests",
    ),
    ("nginx_cache_hit_ratio", Unit.RATIO, "cache hits", "answers served from the cache of those that could be"),
)
_HAPROXY = _signals(
    Group.HAPROXY,
    ("haproxy_connections", Unit.COUNT, "connections", "connections the process holds"),
    ("haproxy_accepts_per_second", Unit.PER_SECOND, "new connections", "connections accepted by the frontends"),
    ("haproxy_requests_per_second", Unit.PER_SECOND, "requests", "HTTP requests of the frontends"),
    ("haproxy_responses_2xx_per_second", Unit.PER_SECOND, "2xx", "responses with a status of 200 to 299"),
    ("haproxy_responses_3xx_per_second", Unit.PER_SECOND, "3xx", "responses with a status of 300 to 399"),
    ("haproxy_responses_4xx_per_second", Unit.PER_SECOND, "4xx", "responses with a status of 400 to 499"),
    ("haproxy_responses_5xx_per_second", Unit.PER_SECOND, "5xx", "responses with a status of 500 to 599"),
    ("haproxy_out_bytes_per_second", Unit.BYTES_PER_SECOND, "out", "sent to clients by the frontends"),
    ("haproxy_busy_percent", Unit.PERCENT, "busy", "time the process was not idle, by its own average"),
    ("haproxy_queue", Unit.COUNT, "queued", "requests waiting for a server"),
    ("haproxy_servers_down", Unit.COUNT, "servers down", "backend servers that are down"),
    ("haproxy_cache_hit_ratio", Unit.RATIO, "cache hits", "requests served from the cache of those looked up"),
)
_VARNISH = _signals(
    Group.VARNISH,
    ("varnish_up", Unit.COUNT, "up", "1 if varnish answers its exporter, 0 if not"),
    ("varnish_sessions_per_second", Unit.PER_SECOND, "new connections", "client sessions accepted"),
    ("varnish_drops_per_second", Unit.PER_SECOND, "dropped", "client sessions dropped for want of a thread"),
    ("varnish_requests_per_second", Unit.PER_SECOND, "requests", "good client requests"),
    ("varnish_out_bytes_per_second", Unit.BYTES_PER_SECOND, "out", "response bodies sent to clients"),
    ("varnish_cache_hit_ratio", Unit.RATIO, "cache hits", "hits of hits and misses"),
    ("varnish_backend_fetches_per_second", Unit.PER_SECOND, "backend fetches", "objects asked of the backends"),
    ("varnish_backend_failures_per_second", Unit.PER_SECOND, "backend failures", "connections to backends that failed"),
    ("varnish_threads", Unit.COUNT, "threads", "worker threads"),
    ("varnish_storage_bytes", Unit.BYTES, "storage", "bytes of cached objects"),
    ("varnish_evictions_per_second", Unit.PER_SECOND, "evictions", "objects evicted for want of space"),
)

SIGNALS: Mapping[str, SignalInfo] = MappingProxyType(
    {
        info.name: info
        for group in (_CPU, _MEMORY, _NETWORK, _DISK, _TCP, _FILES, _PRESSURE, _NGINX, _HAPROXY, _VARNISH)
        for info in group
    }
)
"""All signals by name, in the order of drawing; a threshold on any other name is a mistake."""


def signal_info(name: str) -> SignalInfo | None:
    """What a signal is, by its name alone: a built-in one, or one that a user added; None if it is neither."""
    built_in = SIGNALS.get(name)
    if built_in is not None or not name.startswith(OWN_PREFIX):
        return built_in
    histogram = _quantile_of(name)
    whole = histogram or name
    unit = next((unit for unit in _LONGEST_FIRST if whole.endswith(f"_{unit.value}")), Unit.COUNT)
    title = name.removeprefix(OWN_PREFIX).replace("_", " ")
    return SignalInfo(name, unit, Group.OWN, title, "added by the user", unit in _WINDOWED, histogram)


def step_of(name: str) -> float:
    """The step of the clock behind a signal, or a histogram that signals are quantiles of; 0 if none is known."""
    info = signal_info(name) or signal_info(f"{name}_p50")
    return 0.0 if info is None else info.step
