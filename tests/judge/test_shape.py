"""Real summaries against the JSON Schema that is made of the types, by another's validator."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.support.made.moments import Run
from tests.support.made.run_folders import long_run
from tests.support.made.snapshots import failed, snapshot, watching
from tests.support.places import ROOT

from hls_swarm.judge.expectations import expectations
from hls_swarm.judge.shape import json_schema
from hls_swarm.judge.summary import summary, to_json
from hls_swarm.judge.verdict import judge
from hls_swarm.results.reader import read_run
from hls_swarm.snapshot.origin.tally import TargetSummary
from hls_swarm.snapshot.snapshot import Phase, Snapshot
from hls_swarm.snapshot.workers import MachineFigures
from hls_swarm.stats.histogram import Distribution


def closed(schema: Any) -> Any:
    """The same schema for what this version writes: it has no key that the types do not have."""
    if isinstance(schema, dict):
        made = {key: closed(value) for key, value in schema.items()}
        return {**made, "additionalProperties": False} if "properties" in made else made
    return [closed(item) for item in schema] if isinstance(schema, list) else schema


def written(made: Snapshot, **more: Any) -> Any:
    return json.loads(to_json(summary(made, judge(made), started_at=1769868309.0, version="0.0.0", **more)))


def of_a_long_run(folder: Path) -> Any:
    long_run(folder, seconds=60)
    return json.loads((folder / "summary.json").read_bytes())


def of_a_bad_run() -> Any:
    run = Run(expected=expectations(()))
    machine = MachineFigures(99.5, "eth0", 124e6, 1e6, 125e6, 2.5)
    run.second(1.0, *watching(0, 0.1), *failed(1, 0.2), *failed(2, 0.2), *failed(3, 0.2), machine=machine)
    for second in range(2, 15):
        run.second(float(second), lags=[0.15], machine=machine)
    last = run.second(15.0, lost={0: "killed by SIGKILL"}, phase=Phase.FINISHED)
    more = {"expectations": last.expectations, "condition_seconds": last.condition_seconds}
    return written(last.moment.snapshot, **more)


def summaries(folder: Path) -> dict[str, Any]:
    return {
        "nothing happened": written(snapshot()),
        "one watches, one fails": written(snapshot(*watching(0, 1.0), *failed(1, 2.0))),
        "a bad run": of_a_bad_run(),
        "request times below nginx's clock": written(
            snapshot(),
            origin=[
                TargetSummary(
                    "o",
                    {"nginx_request_seconds_mean": Distribution(3, 0.0, 0.0, 0.0, 0.0, 0.0)},
                    {"nginx_request_seconds": {"p50": 0.0005, "p95": 0.002, "p99": 0.003}},
                )
            ],
        ),
        "a long run with an origin": of_a_long_run(folder / "long"),
    }


@pytest.mark.slow
def test_summaries_are_as_the_schema_says(tmp_path: Path) -> None:
    validator = jsonschema.Draft202012Validator(closed(json_schema()))
    for name, made in summaries(tmp_path).items():
        wrong = [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(made)]
        assert wrong == [], name
    bad = of_a_bad_run()
    assert bad["findings"]
    assert bad["generator"]["void"]
    assert bad["expectations"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"verdict": "fine"}, "'fine' is not one of", id="a word that is none"),
        pytest.param({"elapsed_seconds": -1}, "-1 is less than the minimum", id="a negative duration"),
        pytest.param({"viewers": {}}, "is a required property", id="a key that is missing"),
        pytest.param({"schema": "hls-swarm/summary/2"}, "is not one of ['hls-swarm/summary/1']", id="another version"),
    ],
)
def test_what_is_no_summary_is_refused(change: dict[str, Any], words: str) -> None:
    made = {**written(snapshot()), **change}
    with pytest.raises(jsonschema.ValidationError) as raised:
        jsonschema.validate(made, json_schema())
    assert words in raised.value.message


def test_keys_of_later_versions_are_allowed(tmp_path: Path) -> None:
    jsonschema.validate({**written(snapshot()), "tomorrow": 1}, json_schema())


def test_the_file_is_a_schema_and_what_the_code_says() -> None:
    kept = json.loads((ROOT / "docs/reference/summary.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(kept)
    assert kept == json_schema()


def test_a_run_that_goes_on_has_the_same_shape(tmp_path: Path) -> None:
    long_run(tmp_path / "going-on", seconds=5, finish=False)
    jsonschema.validate(read_run(tmp_path / "going-on").summary, closed(json_schema()))
