"""What can give out first, as a table: which evidence accuses it, what speaks against it, where to look then.

Rules:

- A suspect is accused by atoms, each of one kind with its points, and relieved by others, of two points each.
- What decides is what must be known of it: if none of that is, nothing is known of the suspect, and it is not ruled
  out.
- The first split is by the round trip of viewers' connections: the first byte comes late with it where the network is
  full, and without it where the server is slow. The first byte alone can not tell: a full queue on the way delays it
  too, and a small answer fits into a socket's buffer whatever the network does.
- Waiting for I/O as processor time, and how busy a disk is, prove little: a throttled disk is hardly busy. Time in
  which tasks were held up (pressure) is what counts.
"""

from dataclasses import dataclass

from hls_swarm.capacity.verdict.case import Measure, number, origin, quotient, viewers
from hls_swarm.capacity.verdict.course import GivesWay, Onset, Silent
from hls_swarm.capacity.verdict.evidence import Appears, AtLeast, Atom, Below, Both, Drops, Either, Rises, Same, Sort
from hls_swarm.capacity.verdict.growth import AtEveryLoad, Binds, Flat, Grows, GrowsWhereItFails, OutOfProportion
from hls_swarm.judge.metrics.kinds import ORIGIN_PREFIX
from hls_swarm.judge.timeline import Row
from hls_swarm.snapshot.finding import Culprit
from hls_swarm.snapshot.origin.metrics import Unit

RECEIVED = viewers("body_bytes_per_second", "received", Unit.BYTES_PER_SECOND, rare=True)
RTT = viewers("rtt_seconds_p50", "round trip of viewers' connections", Unit.SECONDS)
TTFB = viewers("segment_ttfb_seconds_p50", "first byte of segments", Unit.SECONDS)
DOWNLOAD = viewers("segment_download_seconds_p50", "download of segments", Unit.SECONDS)
TTFB_SHARE = quotient(
    "segment_ttfb_seconds_p50 of segment_download_seconds_p50",
    "wait for the first byte, of the download,",
    Unit.RATIO,
    TTFB,
    DOWNLOAD,
)
RELATIVE = viewers("segment_relative_download_p50", "download time of segments by their length", Unit.RATIO)
CONNECT = viewers("connect_seconds_p95", "opening a connection", Unit.SECONDS)
OPENED = viewers("connections_opened_per_second", "new connections", Unit.PER_SECOND, rare=True)
ACTIVE = viewers("viewers_active", "viewers running", Unit.COUNT)
OK = viewers("answers_ok_per_second", "good answers", Unit.PER_SECOND, rare=True)
REFUSED = viewers("answers_refused_per_second", "answers 429 and 503", Unit.PER_SECOND, rare=True)
BROKEN = viewers("answers_broken_per_second", "answers 500", Unit.PER_SECOND, rare=True)
GATEWAY = viewers("answers_gateway_per_second", "answers 502 and 504", Unit.PER_SECOND, rare=True)
STALE = viewers("stale_playlists_per_second", "playlists that did not change in time", Unit.PER_SECOND, rare=True)
LAG = viewers("loop_lag_seconds_p99", "lag of this machine's event loops", Unit.SECONDS)
LATENESS = viewers("lateness_seconds_p95", "requests after they were due", Unit.SECONDS)
WORKER = viewers("generator_cpu_percent", "this machine's busiest worker", Unit.PERCENT)
LACKS = viewers("errors_generator_per_second", "requests that this machine could not make", Unit.PER_SECOND, rare=True)

CPU = origin("cpu_percent")
BUSIEST = origin("cpu_busiest_core_percent")
THROTTLED = origin("cpu_throttled_percent", "periods cut short by the CPU quota")
STEAL = origin("cpu_steal_percent")
SOFTIRQ = origin("cpu_softirq_percent")
PRESSURE_CPU, PRESSURE_IO = origin("pressure_cpu_percent"), origin("pressure_io_percent")
PRESSURE_MEMORY = origin("pressure_memory_percent")
SOFTNET = origin("softnet_dropped_per_second", rare=True)
SQUEEZED = origin("softnet_squeezed_per_second", rare=True)
LINK = origin("network_link_percent")
RETRANSMITS = origin("tcp_retransmit_ratio")
ALLOWANCE = origin("network_allowance_exceeded_per_second", "packets over the provider's allowance", rare=True)
OVERFLOWS = origin("tcp_listen_overflows_per_second", "accept queue overflows", rare=True)
NGINX_DROPS = origin("nginx_drops_per_second", "connections dropped by nginx", rare=True)
NGINX_CONNECTIONS = origin("nginx_connections", "nginx's connections")
DESCRIPTORS = origin("file_descriptors_percent", "file descriptors")
READS = origin("disk_read_bytes_per_second", "disk reads")
BUSY = origin("disk_busy_percent", "disk busy")
READ_TIME = origin("disk_read_seconds", "time of a disk read")
MAJOR_FAULTS = origin("memory_major_faults_per_second", rare=True)
SWAP_IN = origin("memory_swap_in_per_second", rare=True)
OOM = origin("memory_oom_kills_per_second", rare=True)
MEMORY = origin("memory_used_percent", "memory used")
CONNTRACK = origin("conntrack_percent", "connections tracked")
CONNTRACK_DROPS = origin("conntrack_drops_per_second", rare=True)
UPSTREAM = origin("nginx_upstream_ratio", "request time spent waiting for upstreams")
HAPROXY_QUEUE = origin("haproxy_queue", "requests queued by HAProxy", rare=True)
NGINX_HITS, VARNISH_HITS = origin("nginx_cache_hit_ratio"), origin("varnish_cache_hit_ratio")
FETCHES = origin("varnish_backend_fetches_per_second")


def _writes_share(row: Row, where: str) -> float | None:
    """Bytes written to disks of all that went to and from them."""
    read, written = (number(row, f"{ORIGIN_PREFIX}disk_{way}_bytes_per_second@{where}") for way in ("read", "write"))
    return None if read is None or written is None or read + written <= 0 else written / (read + written)


WRITES_SHARE = Measure(
    "origin_disk_write_bytes_per_second of all",
    "writes, of what goes to and from the disks,",
    Unit.RATIO,
    _writes_share,
    needs=("disk_write_bytes_per_second", "disk_read_bytes_per_second"),
    columns=("origin_disk_write_bytes_per_second", "origin_disk_read_bytes_per_second"),
)
READ_OF_SENT = quotient(
    "origin_disk_read_bytes_per_second of origin_network_out_bytes_per_second",
    "read from disks, of what is sent,",
    Unit.RATIO,
    READS,
    origin("network_out_bytes_per_second"),
)

_NODE = "run node_exporter on the origin and name it with --origin-metrics"


@dataclass(frozen=True)
class Suspect:
    """Something that can give out.

    Args:
        name: with dashes; stays the same from version to version.
        title: as it stands in a sentence.
        accusing, relieving: atoms for and against it.
        deciding: one of these must be known, else nothing is known of it.
        look_for: where to look and what helps.
        how_to_know: how to have what decides measured, unless its exporter knows better.
    """

    name: str
    title: str
    culprit: Culprit
    accusing: tuple[Atom, ...]
    relieving: tuple[Atom, ...]
    deciding: tuple[Atom, ...]
    look_for: str
    how_to_know: str


_FLAT_RECEIVED = Flat(RECEIVED)
_QUOTA = Both((AtLeast(PRESSURE_CPU, 30), Below(CPU, 80)), Sort.QUEUE)
_ONE_CORE = Both((AtLeast(BUSIEST, 95), Below(CPU, 80)))
_UNFELT = 0.005
"""A round trip or a wait for the first byte, s, below which its multiples are noise."""
_SLOW_NETWORK = Rises(RTT, 3, _UNFELT, Sort.QUEUE)
_SLOW_SERVER = Both(
    (AtLeast(TTFB_SHARE, 0.8, is_share=True), Rises(TTFB, 2, _UNFELT), Same(RTT, 2, _UNFELT)), Sort.QUEUE
)
_SLOW_UPSTREAM = Both((AtLeast(UPSTREAM, 0.8, is_share=True), Rises(TTFB, 2, _UNFELT)))
_REFUSED_FAST = Both((Appears(REFUSED, each_request=True), Same(TTFB, 2, _UNFELT)), Sort.REFUSAL)
_GIVES_WAY = GivesWay(RECEIVED)
_DISK_WAITS = Either((AtLeast(PRESSURE_IO, 10), AtLeast(BUSY, 50)))
_FROM_DISK = Both((AtLeast(READ_OF_SENT, 0.3), Rises(READ_OF_SENT, 1.2), _DISK_WAITS))
_WRITES = Both((AtLeast(BUSY, 90), AtLeast(WRITES_SHARE, 0.5, is_share=True)))
_THROTTLED_EACH = AtEveryLoad(RELATIVE, 0.4)
_STALE_FAST = Both((Appears(STALE), Below(RELATIVE, 0.5), Same(TTFB, 3, _UNFELT)), Sort.REFUSAL)
_NGINX_MISSES, _VARNISH_MISSES = Drops(NGINX_HITS, 0.95), Drops(VARNISH_HITS, 0.95)

SUSPECTS: tuple[Suspect, ...] = (
    Suspect(
        "cpu",
        "the origin's processors",
        Culprit.ORIGIN,
        (AtLeast(CPU, 90), AtLeast(PRESSURE_CPU, 30, Sort.QUEUE), Binds(CPU), Onset(CPU, 90)),
        (Below(CPU, 70), OutOfProportion(CPU), _REFUSED_FAST),
        (AtLeast(CPU, 90),),
        "more cores; TLS and compression cost most: session resumption, no gzip for media",
        _NODE,
    ),
    Suspect(
        "one-core",
        "one CPU core of the origin",
        Culprit.ORIGIN,
        (_ONE_CORE, Binds(BUSIEST), _FLAT_RECEIVED, Onset(BUSIEST, 95)),
        (Below(BUSIEST, 85), OutOfProportion(BUSIEST), _REFUSED_FAST),
        (_ONE_CORE,),
        "worker_processes auto, reuseport; interrupts of the network device over more cores (RSS, RPS)",
        _NODE,
    ),
    Suspect(
        "cpu-quota",
        "the origin's CPU quota",
        Culprit.ORIGIN,
        (_QUOTA, Flat(CPU), Appears(THROTTLED, 5), Onset(PRESSURE_CPU, 30)),
        (AtLeast(CPU, 90),),
        (_QUOTA, Appears(THROTTLED, 5)),
        "cpu.max of its cgroup, the CPU limit of its container",
        _NODE,
    ),
    Suspect(
        "steal",
        "the hypervisor (steal)",
        Culprit.ORIGIN,
        (AtLeast(STEAL, 5), Rises(STEAL, 1.5, 5), Onset(STEAL, 5)),
        (Below(STEAL, 1),),
        (AtLeast(STEAL, 5),),
        "another host or type of machine, without shared or burstable processors",
        _NODE,
    ),
    Suspect(
        "nic-queue",
        "the origin's receive queues",
        Culprit.ORIGIN,
        (AtLeast(SOFTIRQ, 20), Appears(SOFTNET), Rises(SQUEEZED, 2, 1), Onset(SOFTNET, 0.1)),
        (Below(SOFTNET, 0.001),),
        (AtLeast(SOFTIRQ, 20), Appears(SOFTNET)),
        "receive queues over more cores (RSS, RPS), larger rings, GRO, net.core.netdev_max_backlog",
        _NODE,
    ),
    Suspect(
        "link",
        "the origin's link",
        Culprit.ORIGIN,
        (AtLeast(LINK, 90), _FLAT_RECEIVED, Rises(RTT, 3, _UNFELT), Binds(LINK), Onset(LINK, 90), Silent(CPU)),
        (Below(LINK, 70), OutOfProportion(LINK)),
        (AtLeast(LINK, 90),),
        "more links, more machines, a CDN",
        _NODE,
    ),
    Suspect(
        "network-path",
        "the network from origin to viewers",
        Culprit.PATH,
        (
            _SLOW_NETWORK,
            _FLAT_RECEIVED,
            Rises(RETRANSMITS, 3, 0.01),
            Onset(RTT, _UNFELT, factor=3),
            Silent(CPU),
        ),
        (Same(RTT, 1.5, _UNFELT), AtLeast(LINK, 90), _GIVES_WAY),
        (_SLOW_NETWORK,),
        "a shaper, a provider's cap, a switch port (tc -s qdisc); BBR and fq on the origin",
        "the round trip is read from the sockets of native viewers, on Linux",
    ),
    Suspect(
        "burst-credit",
        "a credit that is used up",
        Culprit.ORIGIN,
        (_GIVES_WAY, Appears(ALLOWANCE), Rises(RTT, 3, _UNFELT)),
        (GivesWay(ACTIVE, after_holding=False),),
        (_GIVES_WAY, Appears(ALLOWANCE)),
        "network or disk credits of the type of machine: what it carries for good is what it fell to",
        "bytes are received in every run: a trial of a minute or longer must have failed",
    ),
    Suspect(
        "accept-queue",
        "the accept queue",
        Culprit.ORIGIN,
        (Appears(OVERFLOWS), Rises(CONNECT, 3, 0.5), Onset(OVERFLOWS, 0.1)),
        (Below(OVERFLOWS, 0.001),),
        (Appears(OVERFLOWS),),
        "listen ... backlog= and net.core.somaxconn, more workers",
        _NODE,
    ),
    Suspect(
        "nginx-connections",
        "nginx's worker_connections",
        Culprit.ORIGIN,
        (Appears(NGINX_DROPS), Flat(NGINX_CONNECTIONS), Rises(OPENED, 3, 1), Onset(NGINX_DROPS, 0.1)),
        (Grows(NGINX_CONNECTIONS),),
        (Appears(NGINX_DROPS),),
        "worker_connections; a shorter keepalive_timeout helps little, as idle connections are recycled",
        "run nginx-prometheus-exporter on stub_status and name it with --nginx-metrics",
    ),
    Suspect(
        "descriptors",
        "file descriptors of the origin",
        Culprit.ORIGIN,
        (Appears(BROKEN, each_request=True), Flat(NGINX_CONNECTIONS), AtLeast(DESCRIPTORS, 90), Onset(BROKEN, 0.1)),
        (Appears(GATEWAY, each_request=True),),
        (Appears(BROKEN, each_request=True),),
        "worker_rlimit_nofile, LimitNOFILE of the unit, fs.file-max; nginx's error log says which",
        "statuses of answers are counted in every run of native viewers",
    ),
    Suspect(
        "rate-limit",
        "a rate limit",
        Culprit.ORIGIN,
        (_REFUSED_FAST, Flat(OK), Onset(REFUSED, 0.1)),
        (Rises(TTFB, 3, _UNFELT), GrowsWhereItFails(OK)),
        (_REFUSED_FAST,),
        "limit_req and limit_conn of nginx, rules of a firewall or a CDN: is the load machine to be let through?",
        "statuses of answers are counted in every run of native viewers",
    ),
    Suspect(
        "disk-reads",
        "reads from the origin's disks",
        Culprit.ORIGIN,
        (
            AtLeast(PRESSURE_IO, 20, Sort.QUEUE),
            Flat(READS),
            Both((AtLeast(BUSY, 90), Below(WRITES_SHARE, 0.5))),
            Rises(READ_TIME, 2),
            Onset(PRESSURE_IO, 20),
        ),
        (Below(PRESSURE_IO, 5), AtLeast(WRITES_SHARE, 0.5, is_share=True), _REFUSED_FAST),
        (AtLeast(PRESSURE_IO, 20, Sort.QUEUE),),
        "more memory for the page cache, faster disks, a cache in front, aio threads",
        f"{_NODE}; needs Linux 4.20 or later with psi=1",
    ),
    Suspect(
        "page-cache",
        "memory for the page cache",
        Culprit.ORIGIN,
        (_FROM_DISK, Rises(MAJOR_FAULTS, 2, 1), Rises(READ_TIME, 2), Onset(PRESSURE_IO, 20)),
        (GivesWay(READ_OF_SENT, after_holding=False),),
        (_FROM_DISK,),
        "more memory, a cache in front: the working set does not fit",
        _NODE,
    ),
    Suspect(
        "disk-writes",
        "writes to the origin's disks",
        Culprit.ORIGIN,
        (_WRITES, AtLeast(PRESSURE_IO, 20, Sort.QUEUE), Onset(BUSY, 90)),
        (Below(WRITES_SHARE, 0.5), _REFUSED_FAST),
        (_WRITES,),
        "access_log with buffer= and flush=, logs on a disk of their own",
        _NODE,
    ),
    Suspect(
        "memory",
        "the origin's memory",
        Culprit.ORIGIN,
        (
            Appears(OOM, 0.01),
            Appears(SWAP_IN, 10),
            AtLeast(PRESSURE_MEMORY, 10, Sort.QUEUE),
            Binds(MEMORY),
            Onset(PRESSURE_MEMORY, 10),
        ),
        (Below(MEMORY, 80),),
        (Appears(OOM, 0.01), Appears(SWAP_IN, 10), AtLeast(PRESSURE_MEMORY, 10, Sort.QUEUE)),
        "more memory, fewer workers, smaller buffers",
        _NODE,
    ),
    Suspect(
        "conntrack",
        "connection tracking of the origin's firewall",
        Culprit.ORIGIN,
        (AtLeast(CONNTRACK, 95), Appears(CONNTRACK_DROPS), Binds(CONNTRACK), Onset(CONNTRACK, 95)),
        (Below(CONNTRACK, 80),),
        (AtLeast(CONNTRACK, 95), Appears(CONNTRACK_DROPS)),
        "net.netfilter.nf_conntrack_max, or no tracking for the ports of the media",
        _NODE,
    ),
    Suspect(
        "upstream",
        "the upstream of the origin's web server",
        Culprit.ORIGIN,
        (
            _SLOW_SERVER,
            _FLAT_RECEIVED,
            _SLOW_UPSTREAM,
            Appears(HAPROXY_QUEUE),
            Appears(GATEWAY, each_request=True),
            Onset(TTFB, _UNFELT, factor=2),
        ),
        (AtLeast(CPU, 90), AtLeast(BUSIEST, 95), AtLeast(PRESSURE_IO, 20)),
        (_SLOW_SERVER, _SLOW_UPSTREAM),
        "the upstream itself, proxy_cache_lock, a cache in front of it",
        "log $upstream_response_time and run hls-swarm log-exporter",
    ),
    Suspect(
        "cache",
        "the cache of the origin",
        Culprit.ORIGIN,
        (_NGINX_MISSES, _VARNISH_MISSES, Rises(FETCHES, 1.5)),
        (Same(FETCHES, 1.1),),
        (_NGINX_MISSES, _VARNISH_MISSES),
        "its size, its key (no tokens in it), proxy_cache_lock",
        "log $upstream_cache_status and run hls-swarm log-exporter",
    ),
    Suspect(
        "connection-throttle",
        "a limit on each connection",
        Culprit.ORIGIN,
        (_THROTTLED_EACH, Below(TTFB_SHARE, 0.2, Sort.QUEUE)),
        (Rises(RELATIVE, 1.5),),
        (_THROTTLED_EACH,),
        "limit_rate of nginx, a shaper for each connection: it is the same at every load, and no capacity",
        "two loads at least must have been measured",
    ),
    Suspect(
        "live-source",
        "the stream's own source",
        Culprit.LIVE_SOURCE,
        (_STALE_FAST, Onset(STALE, 0.1)),
        (Below(STALE, 0.001),),
        (_STALE_FAST,),
        "encoder and packager: are they running, and can they write?",
        "stale playlists are counted in every run of native viewers",
    ),
    Suspect(
        "generator",
        "this machine",
        Culprit.GENERATOR,
        (
            AtLeast(LAG, 0.1, Sort.QUEUE),
            AtLeast(WORKER, 90),
            Appears(LACKS),
            Rises(LATENESS, 3, 0.1),
            Onset(LAG, 0.1),
        ),
        (Below(LAG, 0.02),),
        (AtLeast(LAG, 0.1, Sort.QUEUE),),
        "a second load machine, more --workers, a higher limit of open files",
        "event loops are measured in every run of native viewers",
    ),
)
"""In no order: points decide."""

COLUMNS = frozenset(
    column
    for suspect in SUSPECTS
    for atom in (*suspect.accusing, *suspect.relieving)
    for measure in atom.measures
    for column in measure.columns
)
"""The columns of the timeline that a verdict reads, without the machine."""
