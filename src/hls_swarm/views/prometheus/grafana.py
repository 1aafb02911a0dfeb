"""The dashboard as Grafana takes it (pure): the classic JSON that every version can be provisioned with."""

import json
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from hls_swarm.views.prometheus.collector import FamilyType
from hls_swarm.views.prometheus.panels import CHOSEN, Panel, Query, Row, family_name, rows

UID = "hls-swarm"
_SCHEMA = 36
_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 24
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def grafana_dashboard(*, native: bool = False) -> str:
    """The file.

    Args:
        native: for native histograms; else for classic ones.
    """
    info = family_name("info", FamilyType.GAUGE)
    up = family_name("origin_source_up", FamilyType.GAUGE)
    dashboard = {
        "uid": f"{UID}-native" if native else UID,
        "title": "hls-swarm (native histograms)" if native else "hls-swarm",
        "description": "Viewers of an HLS load test beside the metrics of its origin.",
        "tags": ["hls", "load test"],
        "schemaVersion": _SCHEMA,
        "editable": True,
        "refresh": "5s",
        "time": {"from": "now-15m", "to": "now"},
        "timezone": "browser",
        "graphTooltip": 1,
        "templating": {
            "list": [
                {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus"},
                _variable("job", "Job", f"label_values({info}, job)"),
                _variable("instance", "Load machine", f'label_values({info}{{job=~"$job"}}, instance)'),
                _variable("target", "Origin", f"label_values({up}{{{CHOSEN}}}, target)"),
            ]
        },
        "annotations": {"list": [_annotation()]},
        "panels": list(_panels(rows(native=native))),
    }
    return json.dumps(dashboard, indent=2) + "\n"


def _variable(name: str, label: str, query: str) -> dict[str, Any]:
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": _SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "sort": 1,
    }


def _annotation() -> dict[str, Any]:
    """A mark where a run goes over into another phase."""
    phase = family_name("phase", FamilyType.GAUGE)
    return {
        "name": "Phases",
        "enable": True,
        "iconColor": "blue",
        "datasource": _SOURCE,
        "expr": f"{phase}{{{CHOSEN}}} == 1 unless ({phase}{{{CHOSEN}}} offset 10s) == 1",
        "titleFormat": "{{phase}}",
        "step": "5s",
    }


def _panels(wanted: Sequence[Row]) -> Iterator[dict[str, Any]]:
    ids, top = count(1), 0
    for row in wanted:
        yield {
            "id": next(ids),
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": {"x": 0, "y": top, "w": _COLUMNS, "h": 1},
            "panels": [],
        }
        top += 1
        a_line = _COLUMNS // _WIDTH
        for number, panel in enumerate(row.panels):
            place = {"x": number % a_line * _WIDTH, "y": top + number // a_line * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
            yield {"id": next(ids), "gridPos": place, **_chart(panel)}
        top += -(-len(row.panels) // a_line) * _HEIGHT


def _chart(panel: Panel) -> dict[str, Any]:
    return {
        "type": "timeseries",
        "title": panel.title,
        "description": panel.help,
        "datasource": _SOURCE,
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "custom": {"lineWidth": 1, "fillOpacity": 8, "showPoints": "never", "spanNulls": False},
            },
            "overrides": [],
        },
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [_target(chr(ord("A") + number), query) for number, query in enumerate(panel.queries)],
    }


def _target(letter: str, query: Query) -> dict[str, Any]:
    return {
        "refId": letter,
        "datasource": _SOURCE,
        "editorMode": "code",
        "range": True,
        "expr": query.expression,
        "legendFormat": query.legend,
    }
