"""The fetch path: one small HTTP client for viewers and for the scraper of the origin's metrics."""

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
