"""The origin's exporters before a run begins: which are of this machine, and whether all answer that must."""

import asyncio
import socket
from typing import TYPE_CHECKING

from hls_swarm.engine.host.machine import booted_at, device_towards, loopback_device, own_names

if TYPE_CHECKING:  # takes time to import, for runs that have one
    from hls_swarm.origin.scraper import OriginScraper

PATIENT_SECONDS = 5.0
"""For exporters to answer for the first time where a run must not begin without them, and one interval more."""
_LOOK_SECONDS = 0.05
_NAME_SECONDS = 5.0
"""For a name to be resolved before the run begins."""


async def tell_of_load(scraper: "OriginScraper", device: str | None) -> None:
    """Tell the scraper if the load stays on this machine: then the loopback device counts.

    Args:
        device: that the load goes through; None if that can not be told.
    """
    if device is None or device != loopback_device():
        return
    from hls_swarm.origin.dialects.devices import LocalLoad

    here = {host for host in scraper.hosts if await device_of_host(host, None) == device}
    scraper.loaded_from_here(LocalLoad(device, booted_at()), own_names() | here)


async def unanswered(scraper: "OriginScraper", patience: float) -> str | None:
    """Which exporters did not answer in so many seconds, and why; None as soon as all did."""
    silent: list[str] = []
    for _ in range(int(patience / _LOOK_SECONDS) + 1):
        silent = [
            f"{source.url}: {source.reason or 'no answer'}"
            for target in scraper.get_metrics().targets
            for source in target.sources
            if source.last_success_at is None
        ]
        if not silent:
            return None
        await asyncio.sleep(_LOOK_SECONDS)
    return f"--require-origin-metrics: no figures after {patience:g} s from {'; '.join(silent)}"


async def device_of_host(host: str | None, port: int | None) -> str | None:
    """The network device that the way to a host begins at; None if its name can not be resolved in time."""
    try:
        async with asyncio.timeout(_NAME_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:  # a TimeoutError is one
        return None  # the viewers will say so better
    return device_towards(str(found[0][4][0]))
