from tests.builders.playlists import Playlist, Segment

from hls_swarm.engine.native.comparisons import ALIKE, FIRST, Comparison, Comparisons
from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import MediaPlaylist

DATE = 1767225600.0


def window(first: int, *, date: float = DATE, name: str = "", url: str = "http://h/p.m3u8") -> MediaPlaylist:
    """Four segments from number `first`; `date` is that of number 0."""
    segments = [Segment(n, date=date + 2 * n, uri=f"s{n}{name}.ts") for n in range(first, first + 4)]
    playlist = parse_playlist(Playlist(first, segments).body, url)
    assert isinstance(playlist, MediaPlaylist)
    return playlist


def test_what_differs_of_common_segments_is_told_once_worked_out() -> None:
    comparisons = Comparisons()
    held, new = window(5), window(6, date=DATE + 36, name="b")
    assert comparisons.compare(held, new) == Comparison(changed=True, mutated=3, dates_moved=36.0)
    assert comparisons.compare(held, new) is comparisons.compare(held, new)


def test_nothing_differs_from_nothing_itself_or_another_address() -> None:
    comparisons, held = Comparisons(), window(5)
    assert comparisons.compare(None, held) is FIRST
    assert comparisons.compare(held, held) is ALIKE
    assert comparisons.compare(held, window(6, name="b", url="http://h/q.m3u8")) == FIRST
    assert comparisons.compare(held, window(5)) == ALIKE  # other bytes, the same list


def test_dates_that_move_by_no_more_than_a_second_are_rounding() -> None:
    assert Comparisons().compare(window(5), window(6, date=DATE + 1.0)) == FIRST
