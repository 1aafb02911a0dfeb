"""Files of requests on their way from an agent to the run folder."""

import asyncio
from pathlib import Path

import pytest

from hls_swarm.cluster.agent_messages import Done, Fetch, Forget, FromAgent, Piece, ToAgent
from hls_swarm.cluster.fetching import fetch_requests


@pytest.mark.parametrize(("said", "is_whole"), [(6, True), (9, False)])
def test_a_file_that_did_not_come_whole_stays_where_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, said: int, is_whole: bool
) -> None:
    content, forgotten = b"abcdef", []

    async def agent(message: ToAgent) -> FromAgent:
        match message:
            case Fetch(name="", offset=_):
                return Piece(files={"requests-0.parquet": said})
            case Fetch(offset=offset):
                return Piece(data=content[offset : offset + 4])
            case Forget():
                forgotten.append(message)
        return Done()

    asyncio.run(fetch_requests({"b": agent}, tmp_path / "requests"))
    assert (tmp_path / "requests/requests-0.parquet").read_bytes() == content
    assert bool(forgotten) is is_whole
    told = "agent b: the files of its requests stay there: requests-0.parquet ends after 6 of 9 bytes"
    assert (told in caplog.text) is not is_whole
