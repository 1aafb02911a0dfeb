"""What the help of each command says besides its flags: examples and notes.

A paragraph of a note that begins with a blank is shown as it is; the others are laid out for the reader's width.
"""

from collections.abc import Mapping
from textwrap import indent
from types import MappingProxyType

from hls_swarm.logexporter.log_format import LOG_FORMAT

_SPELLINGS = """\
Flags may be written --clients 100, --clients=100, -clients 100 or -clients=100. Durations are 500ms, 30s, 5m, 1h30m. \
Each flag is also an environment variable (HLS_SWARM_RAMP_RATE) and a key of the settings file (ramp-rate); a flag \
wins over the environment, the environment over the file."""

NOTES: Mapping[str, str] = MappingProxyType(
    {
        "run": _SPELLINGS,
        "demo": _SPELLINGS,
        "capacity": """\
Viewers are added until objectives break, and the answer is confirmed; it takes about a quarter of an hour. It puts an \
origin under all the load that it can bear: ask whoever runs it first.

Each flag is also an environment variable (HLS_SWARM_MOST) and a key of the table [capacity] of the settings file; \
what that does not say, the top of the file does.""",
        "agent": """\
The controller is the machine on which hls-swarm run --agents is typed; the token file is the same on both. An agent \
waits for the controller, and after a run for the next one. The extra cluster is needed on all machines.

Each flag is also an environment variable (HLS_SWARM_AGENT_JOIN) and a key of the table [agent] of the settings \
file.""",
        "origin": """\
Each flag is also an environment variable (HLS_SWARM_ORIGIN_PORT) and a key of the table [origin] of the settings \
file.""",
        "log-exporter": f"""\
nginx must write the log in this format (http block of nginx.conf):

{indent(LOG_FORMAT.rstrip(), "  ")}
  access_log /var/log/nginx/hls_swarm.log hls_swarm;

Each flag is also an environment variable (HLS_SWARM_LOG_EXPORTER_LISTEN) and a key of the table [log-exporter] of the \
settings file.""",
    }
)

EXAMPLES: Mapping[str, str] = MappingProxyType(
    {
        "run": """\
hls-swarm --clients 100 --duration 5m http://origin/stream.m3u8
hls-swarm --clients 100 --origin-metrics-host 10.0.0.5 --tui \\
    http://origin/stream.m3u8
""",
        "demo": """\
hls-swarm demo
hls-swarm demo --clients 200 --duration 1m --tui
hls-swarm demo --limit requests=40
""",
        "capacity": """\
hls-swarm capacity http://origin/stream.m3u8
hls-swarm capacity --origin-metrics-host 10.0.0.5 --most 5000 \\
    http://origin/stream.m3u8
hls-swarm capacity --slo 'waiting_ratio < 2%' --soak 0 --at-least 500 \\
    http://origin/stream.m3u8
""",
        "agent": """\
hls-swarm agent --join 10.0.0.1 --token-file cluster.token
hls-swarm run --agents 3 --cluster-token-file cluster.token \\
    --clients 30000 http://origin/stream.m3u8
""",
        "origin": """\
hls-swarm origin
hls-swarm origin --port 8080 --access-log access.log
hls-swarm origin --fault status=503,rate=0.05 --fault pause=10s,after=1m
""",
        "log-exporter": """\
hls-swarm log-exporter --access-log /var/log/nginx/hls_swarm.log \\
    --stub-status http://127.0.0.1/stub_status --listen 10.0.0.5:9114
hls-swarm --nginx-metrics http://10.0.0.5:9114/metrics \\
    http://10.0.0.5/stream.m3u8
""",
        "attach": """\
hls-swarm attach http://10.0.0.7:17091
hls-swarm attach localhost
""",
        "report": """\
hls-swarm report
hls-swarm report runs/2026-01-31T14-05-09 --html report.html
hls-swarm report nightly --junit junit.xml --markdown
""",
        "compare": """\
hls-swarm compare before after
hls-swarm compare baseline candidate --markdown --fail-if-worse
hls-swarm compare before after --html compare.html
""",
        "runs": """\
hls-swarm runs
hls-swarm runs --folder nightly --json
""",
    }
)
