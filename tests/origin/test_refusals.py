"""Servers that refuse their exporter now and then. A scrape every 2 s."""

import pytest

from hls_swarm.origin.refusals import Refusals


def trouble(pattern: str) -> tuple[str, Refusals]:
    """What counts after each answer (`.`) and each refusal (`x`): `!` is trouble."""
    refusals = Refusals()
    shown = ""
    for nth, one in enumerate(pattern):
        refusals.add(one == "x", 2.0 * nth)
        shown += "!" if refusals.lasts(2.0 * nth) else "."
    return shown, refusals


@pytest.mark.parametrize(
    ("pattern", "shown", "words"),
    [
        pytest.param("....", "....", "", id="never"),
        pytest.param("..xx..", "..!!..", " (2 times in 2 s)", id="once, and over at once"),
        pytest.param(".x.x.x.x....", ".!.!!!!!!!!!", " (4 times in 12 s)", id="on and off"),
        pytest.param("x.x..........x.", "!.!!!!!......!.", "", id="another trouble later"),
        pytest.param("x.....x..", "!.....!..", "", id="far apart"),
    ],
)
def test_what_comes_and_goes_is_one_trouble(pattern: str, shown: str, words: str) -> None:
    assert trouble(pattern)[0] == shown
    assert trouble(pattern)[1].words == words
