"""When a connection over a link of a viewer's own looks again, in the middle of a long body."""

from tests.http.running import request, until

from hls_swarm.http import Client
from hls_swarm.http.pacing.link import Link
from hls_swarm.load.access import SteadyRate

LONG_BYTES = 4_000_000


async def shared_ticks(client: Client, url: str) -> list[float]:
    """Instants by the loop's clock, of those hundred in each second at which all viewers look.

    Raises:
        TimeoutError: of the body's sixteen ticks none was at one of these.
    """
    client.link = Link(SteadyRate(1e6))
    under_way = client.fetch(request(url, max_body_bytes=LONG_BYTES), lambda _: None)

    def shared() -> list[float]:
        timers = (getattr(connection, "_timer", None) for connection in client._connections)
        instants = [timer.when() for timer in timers if timer is not None]
        return [at for at in instants if abs(at * 100 - round(at * 100)) < 1e-6]

    await until(shared)
    found = shared()
    under_way.cancel()
    return found
