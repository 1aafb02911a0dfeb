"""What URLs mean is remembered, and how much of it."""

import asyncio

from hls_swarm.hls.cache import PASSING
from hls_swarm.http.context import ClientContext


def test_reloads_that_ask_to_wait_are_forgotten_and_what_others_ask_for_is_not() -> None:
    async def ask() -> None:
        targets = ClientContext(asyncio.get_running_loop()).targets
        plain = targets["http://h/p.m3u8"]
        urls = [f"http://h/p.m3u8?_HLS_msn={nth}" for nth in range(PASSING + 10)]
        asked = [targets[url] for url in urls]
        assert [target.request_line for target in asked[:1]] == [b"GET /p.m3u8?_HLS_msn=0 HTTP/1.1\r\n"]
        assert targets["http://h/p.m3u8"] is plain
        assert targets[urls[-1]] is asked[-1]
        assert len(targets) == PASSING + 1
        assert targets[urls[0]] is not asked[0]
        assert len(targets) == PASSING + 1

    asyncio.run(ask())
