"""What the origin's own signals say: what is refused there, used up or waited for.

A refusal is a counter that says it; a limit is near; a queue is work that waits. What the machine is short of shows in
the queue (`pressure_...`) more truly than in its use: a disk that is throttled is 3% busy, and a container at the end
of its quota leaves the host idle.
"""

from hls_swarm.judge.findings.measures import most_of, now_of, origin_mean, places_of, share_of, targets_with
from hls_swarm.judge.findings.rule import Condition, Rule, at_least, at_most, fallen, risen
from hls_swarm.judge.metrics.kinds import ORIGIN_PREFIX
from hls_swarm.snapshot.finding import Culprit, Severity, Standing
from hls_swarm.snapshot.origin.metrics import Unit

_OVER = 5.0
_ANY_PER_SECOND = 0.1
_FEW_PACED = 0.1
"""Share of viewers that read slowly on purpose, above which packets sent again say nothing of the path: a sender whose
segments wait at a window that is full probes for a loss (RFC 8985) and sends them again. On loopback, where all that
was sent again was such a probe and came twice, it was 4 to 7% of the segments sent."""


def _limit(
    name: str,
    signal: str,
    limit: float,
    clear: float,
    what: str,
    next_step: str,
    *more: Condition,
    culprit: Culprit = Culprit.ORIGIN,
) -> Rule:
    """A signal at its limit for a while; alone it hurts nobody."""
    return Rule(
        name=name,
        standing=Standing.LIMIT,
        culprit=culprit,
        severity=Severity.NOTE,
        what=what,
        next_step=next_step,
        conditions=(at_least(origin_mean(signal, _OVER), limit, clear), *more),
        for_seconds=3.0,
        places=targets_with(signal),
    )


def _refusal(
    name: str,
    signal: str,
    what: str,
    next_step: str,
    standing: Standing = Standing.CAUSE,
    severity: Severity = Severity.WARNING,
) -> Rule:
    """A counter of what was turned away: by a server, or by its machine, where it may have been another's."""
    return Rule(
        name=name,
        standing=standing,
        culprit=Culprit.ORIGIN,
        severity=severity,
        what=what,
        next_step=next_step,
        # Between two exporters' pages, and while a server refuses its exporter too, the counter is not known.
        conditions=(at_least(most_of(ORIGIN_PREFIX + signal, Unit.PER_SECOND, _OVER), _ANY_PER_SECOND),),
        clear_seconds=10.0,
        places=targets_with(signal),
    )


REFUSALS = (
    _refusal(
        "nginx-drops",
        "nginx_drops_per_second",
        "nginx on {where} drops {0} connections: it has no room for them",
        "raise worker_connections and worker_rlimit_nofile",
    ),
    _refusal(
        "listen-overflows",
        "tcp_listen_overflows_per_second",
        "{where} drops {0} connections before they are accepted: the accept queue is full",
        "listen ... backlog= and net.core.somaxconn, reuseport, more workers",
        Standing.LIMIT,
        Severity.NOTE,
    ),
    _refusal(
        "haproxy-5xx",
        "haproxy_responses_5xx_per_second",
        "HAProxy on {where} answers {0} with 5xx",
        "its log's termination state: sQ is a full queue, sC and SC a server that can not be reached",
        Standing.LIMIT,
    ),
    _refusal(
        "nginx-5xx",
        "nginx_responses_5xx_per_second",
        "nginx on {where} answers {0} with 5xx",
        "its error log: 502 and 504 are what stands behind it, 503 a limit of its own",
        Standing.LIMIT,
    ),
    _refusal(
        "varnish-drops",
        "varnish_drops_per_second",
        "Varnish on {where} drops {0} sessions: no thread is free",
        "raise thread_pool_max",
    ),
    _refusal(
        "varnish-backend",
        "varnish_backend_failures_per_second",
        "Varnish on {where} can not reach what stands behind it, {0}",
        "look at the backend and its health probe",
    ),
    _refusal(
        "origin-oom",
        "memory_oom_kills_per_second",
        "{where} kills processes for want of memory ({0})",
        "more memory, fewer workers; the kernel's log names what was killed",
    ),
    _refusal(
        "origin-allowance",
        "network_allowance_exceeded_per_second",
        "the provider holds back packets of {where}: {0} over its allowance",
        "burst credit is spent: this size of machine carries less for long; a larger one, or more of them",
        Standing.LIMIT,
        Severity.NOTE,
    ),
    _refusal(
        "origin-softnet",
        "softnet_dropped_per_second",
        "{where} drops {0} packets that no core had time for",
        "more receive queues and cores for them (RSS, RPS), net.core.netdev_max_backlog",
        Standing.LIMIT,
        Severity.NOTE,
    ),
    _refusal(
        "conntrack-drops",
        "conntrack_drops_per_second",
        "connection tracking on {where} drops {0} packets: its table is full",
        "net.netfilter.nf_conntrack_max, or no tracking of these ports",
        Standing.LIMIT,
        Severity.NOTE,
    ),
    Rule(
        name="haproxy-servers-down",
        standing=Standing.CAUSE,
        culprit=Culprit.ORIGIN,
        severity=Severity.WARNING,
        what="HAProxy on {where} has {0} servers down",
        next_step="look at these servers, and at the health check that found them dead",
        conditions=(at_least(now_of("origin_haproxy_servers_down", Unit.COUNT), 1),),
        places=targets_with("haproxy_servers_down"),
    ),
)

LIMITS = (
    _limit(
        "origin-cpu",
        "cpu_percent",
        90,
        85,
        "the processors of {where} are {0} busy",
        "TLS and compression cost most: session resumption, no gzip for media, more cores",
    ),
    _limit(
        "origin-core",
        "cpu_busiest_core_percent",
        95,
        90,
        "one core of {where} is {0} busy, all of them {1}",
        "one thread is the limit: worker_processes auto, reuseport, interrupts of the network device spread (RSS, RPS)",
        at_most(origin_mean("cpu_percent", _OVER), 90),
    ),
    _limit(
        "origin-cpu-queue",
        "pressure_cpu_percent",
        30,
        20,
        "tasks of {where} wait for a processor for {0} of the time, though only {1} of it is used",
        "a quota (cpu.max of a container), or a few crowded cores",
        at_most(origin_mean("cpu_percent", _OVER), 80),
    ),
    _limit(
        "origin-steal",
        "cpu_steal_percent",
        5,
        3,
        "the hypervisor gives {0} of {where}'s processors to others",
        "another host or size of machine; figures are not comparable between runs",
    ),
    _limit(
        "origin-softirq",
        "cpu_softirq_percent",
        20,
        15,
        "the network stack takes {0} of {where}'s processors",
        "offloads on (ethtool -k), more receive queues, larger frames",
    ),
    _limit(
        "origin-memory",
        "pressure_memory_percent",
        10,
        5,
        "tasks of {where} wait for memory for {0} of the time",
        "more memory, fewer workers, smaller buffers; the page cache goes first",
    ),
    _limit(
        "origin-memory-used",
        "memory_used_percent",
        95,
        93,
        "{0} of {where}'s memory is used",
        "more memory, fewer workers, smaller buffers; the page cache goes first",
    ),
    _limit(
        "origin-cpu-quota",
        "cpu_throttled_percent",
        5,
        2,
        "a container on {where} is held back by its CPU quota in {0} of its periods",
        "raise the quota (cpu.max), or this is the capacity of it",
    ),
    _limit(
        "origin-swap",
        "memory_swap_in_per_second",
        10,
        5,
        "{where} reads {0} pages back from swap",
        "more memory, fewer workers; media belongs into the page cache, not into swap",
    ),
    _limit(
        "conntrack",
        "conntrack_percent",
        95,
        90,
        "{0} of the connections that {where} can track are tracked",
        "net.netfilter.nf_conntrack_max, shorter timeouts, or no tracking of these ports",
    ),
    _limit(
        "nginx-upstream",
        "nginx_upstream_ratio",
        0.8,
        0.7,
        "{0} of the time of nginx's requests on {where} is waiting for what stands behind it",
        "look there; proxy_cache_lock, more of the stream in the cache",
    ),
    _limit(
        "origin-disk-queue",
        "pressure_io_percent",
        20,
        10,
        "tasks of {where} wait for its disks for {0} of the time",
        "media from memory: more page cache or a cache in front; faster disks; aio threads",
    ),
    _limit(
        "origin-disk-busy",
        "disk_busy_percent",
        90,
        80,
        "a disk of {where} is busy for {0} of the time",
        "reads: media does not fit in memory. Writes: buffer the access log",
    ),
    _limit(
        "origin-link",
        "network_link_percent",
        90,
        85,
        "the link of {where} is {0} full",
        "this is the capacity: more links, more machines, a CDN",
        culprit=Culprit.PATH,
    ),
    _limit(
        "origin-retransmits",
        "tcp_retransmit_ratio",
        0.01,
        0.005,
        "{where} sends {0} of its packets again",
        "full buffers or a shaper on the path: fq and BBR, less burst",
        at_most(share_of("viewers_paced", "viewers_started", None), _FEW_PACED),
        culprit=Culprit.PATH,
    ),
    _limit(
        "origin-descriptors",
        "file_descriptors_percent",
        90,
        85,
        "{0} of {where}'s file descriptors are used",
        "fs.file-max, worker_rlimit_nofile, a shorter keepalive_timeout",
    ),
    _limit(
        "origin-time-wait",
        "tcp_time_wait",
        20_000,
        15_000,
        "{where} holds {0} closed connections in TIME-WAIT",
        "connections are opened for each request: keep-alive towards clients and upstreams",
    ),
    _limit(
        "haproxy-queue",
        "haproxy_queue",
        1,
        1,
        "{0} requests wait in HAProxy on {where}: its servers are at maxconn",
        "more servers, or a higher maxconn if they can bear it",
    ),
    _limit(
        "haproxy-busy",
        "haproxy_busy_percent",
        90,
        85,
        "HAProxy on {where} is {0} busy",
        "more threads (nbthread), less TLS there",
    ),
    Rule(
        name="nginx-cache",
        standing=Standing.LIMIT,
        culprit=Culprit.ORIGIN,
        severity=Severity.NOTE,
        what="nginx on {where} serves less from its cache: {0}",
        next_step="proxy_cache_lock on, tokens out of the cache key, proxy_cache_use_stale, a larger keys_zone",
        conditions=(fallen(origin_mean("nginx_cache_hit_ratio", _OVER), 0.8, 0.9),),
        for_seconds=3.0,
        places=targets_with("nginx_cache_hit_ratio"),
    ),
    Rule(
        name="origin-disk-slow",
        standing=Standing.LIMIT,
        culprit=Culprit.ORIGIN,
        severity=Severity.NOTE,
        what="reads of {where}'s disks take {0}, several times as long as before",
        next_step="media from memory: more page cache or a cache in front; a disk's own limit of operations",
        conditions=(
            risen(origin_mean("disk_read_seconds", _OVER), 3, 2),
            at_least(origin_mean("disk_read_seconds", _OVER), 0.02),
        ),
        for_seconds=3.0,
        places=targets_with("disk_read_seconds"),
    ),
    Rule(
        name="nginx-slow",
        standing=Standing.LIMIT,
        culprit=Culprit.ORIGIN,
        severity=Severity.NOTE,
        what="nginx on {where} takes {0} for the slowest requests, several times as long as before",
        next_step="a slow viewer makes them long too: compare with the first byte as viewers see it, and the upstream",
        conditions=(
            risen(origin_mean("nginx_request_seconds_p95", _OVER), 5, 3),
            at_least(origin_mean("nginx_request_seconds_p95", _OVER), 0.25),
        ),
        for_seconds=3.0,
        places=targets_with("nginx_request_seconds_p95"),
    ),
    Rule(
        name="varnish-evictions",
        standing=Standing.LIMIT,
        culprit=Culprit.ORIGIN,
        severity=Severity.NOTE,
        what="Varnish on {where} evicts {0} for want of space, and serves {1} from its cache",
        next_step="more storage than the window of the stream takes",
        conditions=(
            at_least(origin_mean("varnish_evictions_per_second", _OVER), 1),
            at_most(origin_mean("varnish_cache_hit_ratio", _OVER), 0.9),
        ),
        for_seconds=3.0,
        places=targets_with("varnish_evictions_per_second"),
    ),
)

SOURCES = (
    Rule(
        name="server-down",
        standing=Standing.LIMIT,
        culprit=Culprit.ORIGIN,
        severity=Severity.WARNING,
        what="a server on {where} refuses its exporter, which answers",
        next_step="it is down, or has no room even for that connection (worker_connections)",
        conditions=(at_least(now_of("servers_down", Unit.COUNT), 1),),
        clear_seconds=10.0,
        places=places_of("servers_down"),
    ),
    Rule(
        name="exporter-gone",
        standing=Standing.REMARK,
        culprit=Culprit.ORIGIN,
        severity=Severity.NOTE,
        what="{0} exporters of {where} do not answer: what the origin does is not known",
        next_step="does the exporter run, is the address right, does a firewall stand between?",
        conditions=(at_least(now_of("exporters_failing", Unit.COUNT), 1),),
        for_seconds=3.0,
        places=places_of("exporters_failing"),
    ),
)

ORIGIN_RULES = (*REFUSALS, *LIMITS, *SOURCES)
