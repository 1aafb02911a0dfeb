"""The fetch path: one small HTTP client for viewers and for the scraper of the origin's metrics.

Its names are found where they are when they are asked for: who only says what a client is to be loads none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hls_swarm.http.awaiting import fetch
    from hls_swarm.http.client import Client
    from hls_swarm.http.context import ClientContext
    from hls_swarm.http.fetcher import Fetcher, InFlight, Request, Timeouts
    from hls_swarm.http.options import ClientOptions, Http2, Http3, Identity, Limits, TlsOptions

__all__ = [
    "Client",
    "ClientContext",
    "ClientOptions",
    "Fetcher",
    "Http2",
    "Http3",
    "Identity",
    "InFlight",
    "Limits",
    "Request",
    "Timeouts",
    "TlsOptions",
    "fetch",
]

_MODULES = {
    "fetch": "awaiting",
    "Client": "client",
    "ClientContext": "context",
    **dict.fromkeys(("Fetcher", "InFlight", "Request", "Timeouts"), "fetcher"),
}


def __getattr__(name: str) -> Any:
    """A public name (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'options')}"), name)
