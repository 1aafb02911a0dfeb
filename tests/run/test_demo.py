"""The demo that searches: what it tells at the start."""

from hls_swarm.run.commands.demo import SEARCH, device_of, search_for, search_text, smallest_variant
from hls_swarm.testorigin.serving.trouble.limits import parse_limit


def test_it_tells_what_comes_out_if_it_is_right() -> None:
    text = search_text([parse_limit("requests=40")], ("requests=40",))
    assert text == (
        "Searching for what an origin with requests=40 carries, for up to 3:00. A viewer asks for a segment and a "
        "playlist every 2 s, at 800 kbit/s: by arithmetic about 40 viewers. Ctrl-C ends it."
    )


def test_all_viewers_play_the_smallest_variant_and_no_longer_than_three_minutes() -> None:
    assert smallest_variant("http://127.0.0.1:1/live/master.m3u8") == "http://127.0.0.1:1/live/360p/playlist.m3u8"
    assert SEARCH.time_limit <= 180


def test_a_limit_of_bandwidth_is_seen_on_the_link_that_stands_for_it() -> None:
    assert device_of([parse_limit("requests=40"), parse_limit("bandwidth=2m")]) == "limit0"
    assert device_of([parse_limit("requests=40")]) == "lo"


def test_a_search_for_what_a_processor_carries_begins_near_its_answer() -> None:
    assert search_for([parse_limit("cpu=40ms")]).from_ == 28
    assert search_for([parse_limit("cpu=10ms")]).from_ == 110
    assert search_for([parse_limit("cpu=40s")]).from_ == 2
    assert search_for([parse_limit("requests=40"), parse_limit("bandwidth=2.5m")]) is SEARCH
