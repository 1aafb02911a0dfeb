"""Which flag a person means who knows it from another tool, or by a word of everyday (pure).

Letters alone mislead: `--viewers` is nearer to `--workers` than to `--clients`.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from hls_swarm.cli.flags.fields import did_you_mean

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "clients": "c n u vus vu viewers viewer users user connections concurrency concurrent num-clients sessions "
        "client-count audience players",
        "ramp-rate": "r rate rps spawn-rate hatch-rate ramp ramp-up rampup start-rate clients-per-second",
        "arrival-rate": "arrivals-per-second arrivals-rate qps",
        "duration": "d t time run-time runtime length lasting for test-duration",
        "stage": "stages plan steps schedule",
        "session-length": "session-duration watch-time stay",
        "variant": "quality resolution bitrate rendition level representation abr",
        "profile": "player behaviour behavior persona",
        "join": "position seek-start live-edge latency",
        "workers": "processes procs threads cores parallelism",
        "header": "H headers request-header",
        "user-agent": "A ua agent useragent",
        "token-file": "token tokens auth",
        "timeout": "request-timeout max-time",
        "http": "http2 http1.1 http-version h2 http3 h3 quic",
        "resolve": "connect-to dns host-override ip",
        "insecure": "k no-verify skip-verify no-check-certificate tls-skip-verify insecure-skip-tls-verify",
        "ca-file": "ca cacert ca-cert cafile ca-bundle",
        "client-certificate": "cert client-cert certificate",
        "client-key": "key private-key cert-key",
        "source-address": "bind interface local-address source-ip",
        "engine": "backend driver",
        "tui": "ui dashboard headless no-ui no-tui",
        "json": "summary summary-export summary-file",
        "html": "report html-report",
        "junit": "xml junit-xml",
        "markdown": "md",
        "csv": "csv-file timeline",
        "output": "o out out-dir output-dir folder directory results",
        "threshold": "thresholds assert assertion fail-on slo limit",
        "remote-write": "push prometheus-remote-write pushgateway prometheus-rw",
        "otlp": "otel opentelemetry",
        "metrics": "prom prometheus-port metrics-port metrics-addr metrics-address listen",
        "prometheus": "prometheus-url prom-url",
        "origin-metrics": "node-exporter node-metrics exporter",
        "origin-metrics-host": "origin-host origin exporters metrics-host",
        "nginx-metrics": "nginx nginx-exporter",
        "log-level": "verbose debug loglevel quiet q",
        "check": "dry-run preflight validate",
        "config": "settings config-file f",
        "seed": "random-seed",
        "on-end": "hook webhook exec after notify",
        "access-log": "log log-file logfile",
        "fault": "faults error errors chaos",
        "listen": "bind host address",
    }
)
"""Words of other tools and of everyday, by the flag that they mean."""

_MEANT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        word: tuple(flag for flag, words in WORDS.items() if word in words.split())
        for words in WORDS.values()
        for word in words.split()
    }
)


def suggestion(name: str, known: Collection[str]) -> str:
    """`: did you mean --clients?` by meaning, else by letters; nothing if no flag is near.

    Args:
        name: what was written, with its dashes.
        known: the flags there are, with theirs.
    """
    word = name.lstrip("-")
    spellings = (word, word.lower().replace("_", "-"))
    meant = (f"--{flag}" for spelling in spellings for flag in _MEANT.get(spelling, ()))
    found = next((flag for flag in meant if flag in known), None)
    return f": did you mean {found}?" if found else did_you_mean(name, tuple(known))
