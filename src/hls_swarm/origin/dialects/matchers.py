"""Label matchers as PromQL has them: what tells the origin's series from all others of a Prometheus server."""

import re

from hls_swarm.errors import SettingsError

_MATCHER = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*(.*)", re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"\\\n]|\\.)*"')


def parse_matcher(text: str) -> str:
    """A label matcher as PromQL writes it, from `instance="a:9100"`, `job=~"node|nginx"` or `instance=a:9100`.

    Raises:
        SettingsError: it is none; the message names the flag.
    """
    found = _MATCHER.fullmatch(text.strip())
    if found is None or found[1] == "__name__" or not found[3]:
        raise SettingsError(
            f'--prometheus-label must be like instance="10.0.0.5:9100" or job=~"node|nginx", not {text!r}'
        )
    name, operator, value = found.groups()
    if not value.startswith('"'):
        value = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if not _QUOTED.fullmatch(value):
        raise SettingsError(f"--prometheus-label {name}: the value must end where its quotes end")
    return f"{name}{operator}{value}"
