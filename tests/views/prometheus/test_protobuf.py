"""Prometheus' binary formats: native histograms that lose nothing, the page, remote write."""

import asyncio
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.made.moments import STARTED_AT, Run, origin
from tests.support.made.snapshots import failed, watching
from tests.support.protobuf import delimited, fields, many, numbers, unsnappy, unzigzag, varint

from hls_swarm.stats.histogram import Histogram
from hls_swarm.views.prometheus import wire
from hls_swarm.views.prometheus.collector import FAMILIES, series_of
from hls_swarm.views.prometheus.endpoint import Endpoint
from hls_swarm.views.prometheus.native import runs
from hls_swarm.views.prometheus.protobuf import CONTENT_TYPE, is_asked_for, protobuf_page
from hls_swarm.views.prometheus.remote_write import write_request

ASKED = f"{CONTENT_TYPE};q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1"


def a_run() -> Run:
    run = Run()
    run.second(2.0, *watching(0, 0.1), *failed(1, 0.3), of_origin=origin(2.0, {"10.0.0.5": {"cpu_percent": 41.5}}))
    return run


def unpacked(found: list[tuple[int, int]], deltas: list[int]) -> dict[int, int]:
    """Counts by index, as Prometheus reads spans and deltas."""
    out, index, count, rest = {}, 0, 0, iter(deltas)
    for offset, length in found:
        index += offset
        for _ in range(length):
            count += next(rest)
            if count:
                out[index] = count
            index += 1
    assert next(rest, None) is None
    return out


@given(st.integers(-(2**63), 2**63 - 1))
def test_whole_numbers_of_either_sign(number: int) -> None:
    assert unzigzag(varint(wire.zigzag(number), 0)[0]) == number
    assert varint(wire.varint(number), 0)[0] == number % 2**64


@given(st.binary(max_size=300), st.integers(0, 3))
def test_snappy_gives_back_what_it_took(data: bytes, times: int) -> None:
    long = data * (times * 1000)
    assert unsnappy(wire.snappy(long)) == long


@given(st.dictionaries(st.integers(-400, 400), st.integers(1, 10**9), max_size=40))
def test_runs_say_every_bucket(buckets: dict[int, int]) -> None:
    made = runs(buckets)
    assert unpacked(list(made.spans), list(made.deltas)) == buckets


def test_short_gaps_are_zeros_and_long_ones_end_a_run() -> None:
    made = runs({-3: 5, -1: 5, 5: 1})
    assert list(made.spans) == [(-3, 3), (5, 1)]
    assert list(made.deltas) == [5, -5, 5, -4]


def test_the_page_has_every_series_and_both_kinds_of_histogram() -> None:
    run = a_run()
    moment = run.entries[-1].moment
    families = {many(data, 1)[0].decode(): data for data in delimited(protobuf_page(series_of(moment)))}
    (target,) = many(families["hls_swarm_target_clients"], 4)
    assert numbers(many(target, 2)[0], 1) == [4.0]
    (cpu,) = many(families["hls_swarm_origin_cpu_percent"], 4)
    assert [many(pair, 1) + many(pair, 2) for pair in many(cpu, 1)] == [[b"target", b"10.0.0.5"]]
    assert numbers(families["hls_swarm_requests_total"], 3) == [0.0], "a counter"
    segment = next(metric for metric in many(families["hls_swarm_download_seconds"], 4) if b"segment" in metric)
    (histogram,) = many(segment, 7)
    ours = moment.tally.objects["segment"].download  # type: ignore[index] # its name is its value
    assert (numbers(histogram, 1), numbers(histogram, 2)) == ([ours.count], [ours.total])
    assert [unzigzag(int(n)) for n in numbers(histogram, 5)] == [5]
    spans = [(unzigzag(int(numbers(span, 1)[0])), int(numbers(span, 2)[0])) for span in many(histogram, 12)]
    assert unpacked(spans, [unzigzag(int(n)) for n in numbers(histogram, 13)]) == ours.buckets
    bounds = [numbers(bucket, 2)[0] for bucket in many(histogram, 3)]
    assert bounds == sorted(bounds)
    assert (bounds[-1], numbers(many(histogram, 3)[-1], 1)) == (inf, [ours.count])


def test_values_below_0_and_0_itself_have_buckets_of_their_own() -> None:
    histogram = Histogram()
    histogram.add_all([-0.5, -0.5, 0.0, 2.0])
    family = next(family for family in FAMILIES if family.name == "connect_seconds")
    (data,) = delimited(protobuf_page([(family, [((), histogram)])]))
    (written,) = many(many(data, 4)[0], 7)
    spans = [(unzigzag(int(numbers(span, 1)[0])), int(numbers(span, 2)[0])) for span in many(written, 9)]
    assert unpacked(spans, [unzigzag(int(n)) for n in numbers(written, 10)]) == {-32: 2}
    assert numbers(written, 7) == [1]


@pytest.mark.parametrize(
    ("accept", "asked"),
    [
        (ASKED, True),
        ("application/openmetrics-text;version=1.0.0,application/vnd.google.protobuf;q=0.1", False),
        ("text/plain", False),
        ("", False),
    ],
)
def test_who_asks_for_the_format_first_gets_it(accept: str, asked: bool) -> None:
    assert is_asked_for(accept) is asked


def test_the_endpoint_answers_in_the_format_that_was_asked_for() -> None:
    run = a_run()

    async def main() -> bytes:
        async with Endpoint("127.0.0.1:0", lambda: 1.0) as endpoint:
            endpoint.add(run.entries[-1])
            reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
            writer.write(f"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: {ASKED}\r\n\r\n".encode())
            answer = await asyncio.wait_for(reader.read(), 60)
            writer.close()
            return answer

    head, _, body = asyncio.run(main()).partition(b"\r\n\r\n")
    assert f"Content-Type: {CONTENT_TYPE}\r\n".encode() in head
    assert body == protobuf_page(series_of(run.entries[-1].moment))


@pytest.mark.parametrize("native", [True, False])
def test_a_write_request_has_each_series_with_its_labels_in_order(native: bool) -> None:
    moment = a_run().entries[-1].moment
    body = unsnappy(write_request(series_of(moment), {"job": "swarm", "run": "x"}, moment.wall_at, native=native))
    series = {}
    for one in many(body, 1):
        labels = [(many(pair, 1)[0].decode(), many(pair, 2)[0].decode()) for pair in many(one, 1)]
        assert labels == sorted(labels)
        series[tuple(labels)] = one
    name = ("__name__", "hls_swarm_download_seconds")
    whole = (name, ("job", "swarm"), ("object", "segment"), ("run", "x"))
    assert (whole in series) is native
    bucket = (("__name__", f"{name[1]}_bucket"), ("job", "swarm"), ("le", "+Inf"), *whole[2:])
    sample = many(series[bucket], 2)[0]
    assert numbers(sample, 1) == [moment.tally.objects["segment"].download.count]  # type: ignore[index] # as above
    assert numbers(sample, 2) == [round(1000 * (STARTED_AT + 2.0))]
    if native:
        (histogram,) = many(series[whole], 4)
        spans = [(unzigzag(int(numbers(span, 1)[0])), int(numbers(span, 2)[0])) for span in many(histogram, 11)]
        packed, deltas, at = many(histogram, 12)[0], [], 0
        while at < len(packed):
            number, at = varint(packed, at)
            deltas.append(unzigzag(number))
        ours = moment.tally.objects["segment"].download  # type: ignore[index] # as above
        assert unpacked(spans, deltas) == ours.buckets
        assert dict(fields(histogram))[15] == round(1000 * (STARTED_AT + 2.0))
