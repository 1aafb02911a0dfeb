"""The reference pages say what the code does."""

import msgspec
import pytest
from tests.support import places

from hls_swarm.engine import request_log
from hls_swarm.judge import summary, timeline
from hls_swarm.judge.events import Event, EventKind, Level
from hls_swarm.judge.verdict import EXIT_CODES
from hls_swarm.results import layout
from hls_swarm.views.prometheus.endpoint import DEFAULT_ADDRESS

REFERENCE = places.ROOT / "docs/reference"


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def test_files_names_every_file_key_and_kind() -> None:
    text = page("files.md")
    files = (layout.RUN, layout.TIMELINE, layout.EVENTS, layout.LOG, layout.STATE, layout.SUMMARY)
    keys = [field.name for shape in (layout.RunFacts, Event) for field in msgspec.structs.fields(shape)]
    judged = [f"judged.{field.name}" for field in msgspec.structs.fields(layout.Judged)]
    kinds = [each.value for each in (*EventKind, *Level)]
    columns = list(request_log.SCHEMA.names)
    words = [*columns, *files, *keys, *judged, *kinds, "finished", layout.RUN_SCHEMA, layout.STATE_SCHEMA]
    assert [word for word in words if f"`{word}`" not in text and word != "schema"] == []


def test_exit_codes_and_schemas_are_named() -> None:
    codes = page("exit-codes.md")
    assert [code for code in EXIT_CODES.values() if f"| {code} |" not in codes] == []
    assert f"`{timeline.SCHEMA}`" in page("metrics.md")
    assert f"`{summary.SCHEMA}`" in page("summary.md")
    assert DEFAULT_ADDRESS in page("prometheus.md")


@pytest.mark.parametrize("key", ["threshold", "metric", "target", "aggregation", "operator", "limit", "window", "held"])
def test_the_keys_of_a_threshold_are_named(key: str) -> None:
    assert f"`{key}`" in page("summary.md")
