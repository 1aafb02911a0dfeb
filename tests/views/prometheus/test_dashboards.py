"""The dashboard and the alert rules: of families that there are, laid out so that Grafana can show them."""

import json
import re
from typing import Any

import pytest
from tests.support import places

from hls_swarm.snapshot.origin.signals import SIGNALS
from hls_swarm.views.prometheus.alerts import ALERTS, alert_rules
from hls_swarm.views.prometheus.collector import FAMILIES, FamilyType
from hls_swarm.views.prometheus.grafana import grafana_dashboard
from hls_swarm.views.prometheus.panels import ROWS, family_name

DASHBOARD: dict[str, Any] = json.loads(grafana_dashboard())
QUERIES = [query for row in ROWS for panel in row.panels for query in panel.queries]
NAMES = {
    name
    for family in FAMILIES
    for name in (
        [f"{family.full_name}_bucket", f"{family.full_name}_sum", f"{family.full_name}_count"]
        if family.type is FamilyType.HISTOGRAM
        else [family.full_name]
    )
}


def named(expression: str) -> set[str]:
    return set(re.findall(r"\bhls_swarm_\w+", expression))


def test_every_query_names_families_that_there_are() -> None:
    expressions = [query.expression for query in QUERIES] + [alert.expression for alert in ALERTS]
    assert [expression for expression in expressions if not named(expression) or named(expression) - NAMES] == []


def test_every_signal_of_the_origin_is_shown() -> None:
    shown = {name for query in QUERIES for name in named(query.expression)}
    assert [signal for signal in SIGNALS if f"hls_swarm_origin_{signal}" not in shown] == []


@pytest.mark.parametrize("name", ["nothing", "origin_nothing"])
def test_a_family_that_is_not_there_can_not_be_named(name: str) -> None:
    with pytest.raises(KeyError):
        family_name(name, FamilyType.GAUGE)


def test_a_family_of_another_type_can_not_be_named() -> None:
    with pytest.raises(ValueError, match="errors is a counter, not a gauge"):
        family_name("errors", FamilyType.GAUGE)


def test_labels_of_legends_are_labels_of_the_families() -> None:
    by_name = {name: family for family in FAMILIES for name in NAMES if name.startswith(family.full_name)}
    for query in QUERIES:
        labels = {label for name in named(query.expression) for label in by_name[name].labels}
        assert set(re.findall(r"\{\{(\w+)\}\}", query.legend)) <= labels | {"instance"}, query


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert max(x for x, _ in cells) < 24
        assert not taken & cells
        taken |= cells


def test_every_panel_has_lines_of_its_own() -> None:
    for panel in DASHBOARD["panels"]:
        if panel["type"] != "row":
            letters = [target["refId"] for target in panel["targets"]]
            assert letters
            assert len(set(letters)) == len(letters)
            assert all(re.fullmatch("[A-Z]", letter) for letter in letters)


def test_variables_are_those_that_queries_use() -> None:
    declared = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = {name for query in QUERIES for name in re.findall(r"\$(\w+)", query.expression)}
    assert used | {"datasource"} == declared | {"__rate_interval"}


def test_the_files_are_what_the_code_says() -> None:
    deploy = places.ROOT / "deploy"
    assert (deploy / "grafana/hls-swarm.json").read_text(encoding="utf-8") == grafana_dashboard()
    assert (deploy / "prometheus/hls-swarm.rules.yml").read_text(encoding="utf-8") == alert_rules()
