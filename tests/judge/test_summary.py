import json
from typing import Any

import msgspec
from tests.support.made.snapshots import URL, failed, snapshot, watching

from hls_swarm.judge.summary import known, summary, to_json
from hls_swarm.judge.verdict import judge
from hls_swarm.records import ObjectKind


def made(*records: Any) -> dict[str, Any]:
    shot = snapshot(*records)
    parsed: dict[str, Any] = json.loads(to_json(summary(shot, judge(shot), started_at=1769868309.0, version="0.0.0")))
    return parsed


def test_the_names_that_are_a_contract() -> None:
    out = made(*[record for viewer in range(99) for record in watching(viewer, 1.0)], *failed(99, 2.0))
    assert out["schema"] == "hls-swarm/summary/1"
    assert out["started_at"] == "2026-01-31T14:05:09Z"
    assert (out["url"], out["elapsed_seconds"], out["verdict"], out["exit_code"], out["reasons"]) == (
        URL, 10.0, "not judged", 0, []
    )  # fmt: skip
    assert out["viewers"] == {
        "target": 4, "started": 100, "peak": 99, "played": 99, "ended": 0, "failed": 1, "left": 0, "unplayed": 1
    }  # fmt: skip
    never = {"part": 0, "init": 0, "key": 0, "preflight": 0, "steering": 0, "cmcd_report": 0}
    assert out["requests"] == {"multivariant_playlist": 100, "media_playlist": 99, "segment": 99, **never}
    assert out["body_bytes"] == {
        "multivariant_playlist": 49_653, "media_playlist": 29_700, "segment": 74_250_000, **never
    }  # fmt: skip
    assert set(out["latency_seconds"]["segment"]) == {"ttfb", "download"}
    assert set(out["latency_seconds"]["segment"]["ttfb"]) == {"count", "mean", "p50", "p95", "p99", "max"}
    assert out["experience"]["stalls"] == 0
    assert out["experience"]["rebuffering_ratio"] == 0.0
    assert out["errors"] == [
        {
            "object": "multivariant_playlist", "kind": "http_status", "status": 404, "blame": "origin", "count": 1,
            "detail": "HTTP 404 Not Found", "example_url": URL,
        }
    ]  # fmt: skip
    assert out["generator"]["saturated"] is False


def test_what_is_not_known_is_left_out() -> None:
    out = made()
    assert "startup_seconds" not in out["experience"]
    assert "rebuffering_ratio" not in out["experience"]
    assert "latency_seconds" not in out
    assert out["errors"] == []
    assert out["origin"] == []


def test_every_kind_of_object_has_its_count() -> None:
    assert set(made()["requests"]) == set(ObjectKind)


def test_known_drops_what_is_unknown_and_keeps_zero_and_empty_lists() -> None:
    assert known({"a": None, "b": {"c": None}, "d": 0, "e": [], "f": {"g": 0.0}}) == {"d": 0, "e": [], "f": {"g": 0.0}}


def test_it_ends_with_a_newline_and_reads_well() -> None:
    text = to_json({"a": 1, "b": [True, None]})
    assert text == b'{\n  "a": 1,\n  "b": [\n    true,\n    null\n  ]\n}\n'
    assert msgspec.json.decode(text) == {"a": 1, "b": [True, None]}
