import json
from pathlib import Path

import pytest

from hls_swarm.settings.checks import SettingValueError
from hls_swarm.settings.own_signals import OwnKind, OwnSignal, read_own_signal
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.origin.metrics import Group, Unit
from hls_swarm.snapshot.origin.signals import signal_info

LEAST = {"name": "errors", "family": "app_errors_total", "kind": "rate", "unit": "per_second"}


def text(**changes: object) -> str:
    return json.dumps({key: value for key, value in {**LEAST, **changes}.items() if value is not None})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            text(),
            OwnSignal(
                name="own_errors_per_second",
                family="app_errors_total",
                where=(),
                kind=OwnKind.RATE,
                quantile=None,
                unit="per_second",
                title="errors",
            ),
            id="least",
        ),
        pytest.param(
            text(kind="gauge", unit=None, where={"code": ["500", "503"], "host": "a"}, title="App errors"),
            OwnSignal(
                name="own_errors",
                family="app_errors_total",
                where=(("code", ("500", "503")), ("host", ("a",))),
                kind=OwnKind.GAUGE,
                quantile=None,
                unit="count",
                title="App errors",
            ),
            id="labels",
        ),
        pytest.param(
            text(name="app_seconds", family="app_seconds", kind="quantile", quantile=0.95, unit="seconds"),
            OwnSignal(
                name="own_app_seconds_p95",
                family="app_seconds",
                where=(),
                kind=OwnKind.QUANTILE,
                quantile=0.95,
                unit="seconds",
                title="app seconds P95",
            ),
            id="quantile",
        ),
    ],
)
def test_signals(given: str, expected: OwnSignal) -> None:
    assert read_own_signal(given) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param("[1]", "must be a table with the keys", id="no table"),
        pytest.param("{", "is not a JSON object", id="no JSON"),
        pytest.param(text(name="App errors"), "name must be lower case letters", id="name"),
        pytest.param(text(name=None), "name must be lower case letters", id="no name"),
        pytest.param(text(family=None), "errors: family must be the name of a metric family", id="no family"),
        pytest.param(text(family="rate(x[1m])"), "errors: family must be", id="an expression"),
        pytest.param(text(kind="mean"), "errors: kind must be gauge, rate or quantile, not 'mean'", id="kind"),
        pytest.param(text(unit="ms"), "errors: unit must be one of percent, bytes", id="unit"),
        pytest.param(text(kind="quantile"), "errors: quantile must be between 0 and 1", id="no quantile"),
        pytest.param(text(kind="quantile", quantile=95), "errors: quantile must be between 0 and 1", id="percent"),
        pytest.param(text(quantile=0.5), "errors: quantile is for kind", id="quantile of a rate"),
        pytest.param(text(where="code=500"), "errors: where must be a table", id="where"),
        pytest.param(text(where={"code": 500}), "errors: where: code must be a text", id="number"),
        pytest.param(text(where={"code": []}), "errors: where: code must be a text", id="no value"),
        pytest.param(text(title="x" * 41), "errors: title must be", id="title"),
        pytest.param(text(titel="x"), "errors: there is no key titel", id="key"),
    ],
)
def test_what_is_no_signal(given: str, words: str) -> None:
    with pytest.raises(ValueError, match="^" + words.replace("(", "\\(").replace("[", "\\[")):
        read_own_signal(given)


@pytest.mark.parametrize(
    ("name", "unit", "quantile_of", "windowed"),
    [
        ("own_errors_per_second", Unit.PER_SECOND, "", True),
        ("own_out_bytes_per_second", Unit.BYTES_PER_SECOND, "", True),
        ("own_heap_bytes", Unit.BYTES, "", False),
        ("own_errors", Unit.COUNT, "", False),
        ("own_app_seconds_p95", Unit.SECONDS, "own_app_seconds", True),
        ("own_app_seconds_p999", Unit.SECONDS, "own_app_seconds", True),
    ],
)
def test_a_name_says_what_a_view_needs(name: str, unit: Unit, quantile_of: str, windowed: bool) -> None:
    info = signal_info(name)
    assert info is not None
    assert (info.unit, info.quantile_of, info.windowed, info.group) == (unit, quantile_of, windowed, Group.OWN)
    assert signal_info("errors_per_second") is None


def test_settings_take_them_once_each() -> None:
    settings = Settings(url="http://origin/a.m3u8", origin_signal=(text(), text(name="other")))
    assert [one.name for one in settings.own_signals] == ["own_errors_per_second", "own_other_per_second"]
    with pytest.raises(SettingValueError, match="own_errors_per_second is named twice"):
        Settings(url="http://origin/a.m3u8", origin_signal=(text(), text()))
    with pytest.raises(SettingValueError, match="errors: unit must be one of"):
        Settings(url="http://origin/a.m3u8", origin_signal=(text(unit="ms"),))


FILE = """
url = "http://origin/a.m3u8"
threshold = ["origin_own_errors_per_second:max < 5"]

[[origin-signal]]
name = "errors"
family = "app_errors_total"
where = { code = ["500", "503"] }
kind = "rate"
unit = "per_second"

[[origin-signal]]
name = "app_seconds"
family = "app_seconds"
kind = "quantile"
quantile = 0.95
unit = "seconds"
"""


def started(tmp_path: Path, content: str) -> tuple[int, list[Settings]]:
    from hls_swarm.cli import main
    from hls_swarm.cli.actions import ACTIONS

    seen: list[Settings] = []

    def run(settings: Settings) -> int:
        seen.append(settings)
        return 0

    from dataclasses import replace

    file = tmp_path / "settings.toml"
    file.write_text(content)
    return main(["--config", str(file)], {}, replace(ACTIONS, run=run)), seen


def test_the_settings_file(tmp_path: Path) -> None:
    code, (settings,) = started(tmp_path, FILE)
    assert code == 0
    assert [one.name for one in settings.own_signals] == ["own_errors_per_second", "own_app_seconds_p95"]
    assert settings.own_signals[0].where == (("code", ("500", "503")),)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        pytest.param(
            "[[origin-signal]]", "[origin-signal]", "write [[origin-signal]] on a line of its own", id="table"
        ),
        pytest.param('"rate"', '"sum"', "origin-signal: errors: kind must be gauge, rate or quantile", id="kind"),
        pytest.param("own_errors", "own_eror", "there is no origin-signal own_eror_per_second", id="threshold"),
        pytest.param("app_seconds:p95", "x", "", id="nothing"),
    ],
)
def test_mistakes_in_the_settings_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], before: str, after: str, words: str
) -> None:
    content = FILE.split('[[origin-signal]]\nname = "app')[0].replace(before, after)
    code, _ = started(tmp_path, content)
    assert code == (2 if words else 0)
    assert words in capsys.readouterr().err
