"""An embedded HLS origin for the demo and for tests: a live stream, an access log, and metrics of its own.

From the packaged clip to a player:

    clip -> restamp -> live (timeline, playlists) -> answers -> connection, server
                                                        access_log, traffic -> metrics (machine)

`answers` decides what to say to a request, `connection` says it. What a request leads to is a `resources.Site`: the
live stream is one, the metrics pages are another; whatever else an origin may serve is one more.
"""

from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.service import serve
from hls_swarm.testorigin.settings import (
    USUAL_PORT,
    AccessLogPlace,
    LogTo,
    OriginAddress,
    OriginSettings,
    access_log_place,
)

__all__ = [
    "USUAL_PORT",
    "AccessLogPlace",
    "LogTo",
    "OriginAddress",
    "OriginProcess",
    "OriginSettings",
    "access_log_place",
    "serve",
]
