"""The page itself: one answer with all that it needs, and who may run what in it."""

from base64 import b64encode
from functools import cache
from hashlib import sha256

from markupsafe import Markup

from hls_swarm.views.html.templates import environment, part

_HERE = "hls_swarm.views.live"
_SCRIPTS = {
    "chart_script": ("uPlot.iife.min.js", "hls_swarm.views.html"),
    "figures_script": ("figures.js", "hls_swarm.views.html"),
    "labels_script": ("labels.js", "hls_swarm.views.html"),
    "charts_script": ("charts.js", "hls_swarm.views.html"),
    "script": ("live.js", _HERE),
}
_STYLES = {
    "chart_style": ("uPlot.min.css", "hls_swarm.views.html"),
    "style": ("report.css", "hls_swarm.views.html"),
    "live_style": ("live.css", _HERE),
}


@cache
def page() -> bytes:
    """The page in HTML; it asks for nothing but the stream of events beside it."""
    parts = {name: Markup(part(*place)) for name, place in (_SCRIPTS | _STYLES).items()}  # noqa: S704 - own files
    return environment(_HERE).get_template("page.html.jinja").render(**parts).encode()


@cache
def security_fields() -> tuple[str, ...]:
    """Header fields by which a browser runs no script but the page's own, and shows it in no page of another site.

    Text of the run that came into the page as a script after all would not run (Content Security Policy, level 3).
    """
    digests = (b64encode(sha256(part(*place).encode()).digest()).decode() for place in _SCRIPTS.values())
    scripts = " ".join(f"'sha256-{digest}'" for digest in digests)
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return f"Content-Security-Policy: {policy}", "X-Content-Type-Options: nosniff", "Referrer-Policy: no-referrer"
