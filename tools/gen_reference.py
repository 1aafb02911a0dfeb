"""Write what of `docs` comes from the code: pages of flags and signals, the summary's schema, tables in other pages.

python tools/gen_reference.py           write them
python tools/gen_reference.py --check   exit code 1 if one on disk is not what the code says
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from pathlib import Path

from hls_swarm import __version__
from hls_swarm.cli.commands import CONFIG, VARIABLE_PREFIX, Command, commands
from hls_swarm.cli.flags.fields import Flag, Kind
from hls_swarm.cli.flags.old import DEFAULTS as OLD_DEFAULTS
from hls_swarm.cli.flags.old import PROGRAM, TABLE, OldFlag
from hls_swarm.cli.help.manual import manual
from hls_swarm.judge import timeline
from hls_swarm.judge.expectations import DEFAULTS
from hls_swarm.judge.findings.rule import Rule
from hls_swarm.judge.findings.rules.table import BY_SUBJECT
from hls_swarm.judge.metrics.kinds import ORIGIN_PREFIX
from hls_swarm.judge.metrics.table import METRICS
from hls_swarm.judge.shape import json_schema
from hls_swarm.judge.thresholds import aggregations
from hls_swarm.origin.aside import LARGE_BYTES
from hls_swarm.origin.dialects.recognition import Dialects
from hls_swarm.origin.dialects.signals import Dialect
from hls_swarm.origin.exposition.limits import LONGEST_LINE, MOST_BYTES, MOST_LABELS, MOST_LINES
from hls_swarm.origin.prometheus import MOST_INSTANCES
from hls_swarm.origin.promql import MOST_SAMPLES
from hls_swarm.origin.scraper import LONGEST_TIMEOUT, REMEMBERED_SERIES, TIMEOUT_SHARE
from hls_swarm.settings.checks import MOST_ORIGIN_HOSTS
from hls_swarm.snapshot.origin.metrics import Unit
from hls_swarm.snapshot.origin.signals import SIGNALS
from hls_swarm.views.prometheus.alerts import alert_rules
from hls_swarm.views.prometheus.collector import FAMILIES
from hls_swarm.views.prometheus.grafana import grafana_dashboard
from hls_swarm.views.signals import GROUP_NAMES

ROOT = Path(__file__).resolve().parent.parent
REFERENCE, DEPLOY = ROOT / "docs" / "reference", ROOT / "deploy"

_HOW_TO_WRITE = """\
# Flags, variables and settings file

Generated from the code by `tools/gen_reference.py`.

- A long flag may be written `--clients 100`, `--clients=100`, `-clients 100` or `-clients=100`. A switch is turned off
  with `--tui=false` or `-tui=false`. Flags and the URL may come in any order; what follows `--` is no flag.
- Precedence: flag, environment variable, settings file (`--config FILE` or `HLS_SWARM_CONFIG`), default. An empty
  variable counts as not set.
- A repeatable flag is written once for each value; of another flag the last use counts. In the settings file its
  values are an array. In a variable they are separated by white space, headers by line breaks. A source replaces the
  values of the sources below it, it does not add to them.
- A duration is `500ms`, `30s`, `5m`, `1h30m` or `0`, in the settings file in quotes. A number without unit is refused.
- Keys of the settings file may be written with dashes or underscores. A key that does not exist is an error.
- A wrong value ends the program with exit code 2 before anything is started, and one line on standard error that
  names the flag, the variable or the key.

```toml
url = "http://origin/stream.m3u8"
clients = 100
duration = "5m"
header = ["X-Test: load", "Accept-Language: en"]
origin-metrics-host = ["10.0.0.5"]
```
"""


def flags_page() -> str:
    """The page of all flags, by command and section."""
    return "\n".join([_HOW_TO_WRITE, *(part for command in commands().values() for part in _command_part(command))])


def _command_part(command: Command) -> Iterable[str]:
    yield f"## {command.name}\n"
    yield f"{command.help}\n"
    yield f"```\n{command.usage}\n```\n"
    if command.table:
        yield f"Keys of the settings file are in the table `[{command.table}]`.\n"
    for section, flags in groupby(command.flags, key=lambda flag: flag.section):
        yield from _section(section, flags, command.prefix)
    yield from _section(CONFIG.section, (CONFIG,), VARIABLE_PREFIX)


def _section(section: str, flags: Iterable[Flag], prefix: str) -> Iterable[str]:
    yield f"### {section}\n"
    yield "| Flag | Variable | Default | Meaning |"
    yield "|---|---|---|---|"
    for flag in flags:
        default = f"`{flag.default_text}`" if flag.default_text else ""
        yield f"| `{_usage(flag)}` | `{flag.variable(prefix)}` | {default} | {_meaning(flag)} |"
    yield ""


def _usage(flag: Flag) -> str:
    if flag.is_argument or flag.kind is Kind.SWITCH:
        return flag.spelling
    return f"{flag.spelling} {flag.placeholder}"


def _meaning(flag: Flag) -> str:
    text = flag.help.replace("|", "\\|")
    return f"{text} One of {', '.join(f'`{choice}`' for choice in flag.choices)}." if flag.choices else text


_OLD_HEAD = f"""\
# Flags of the first implementation

Generated from the code by `tools/gen_reference.py`.

`{PROGRAM}`, a Go program, ran one ffmpeg for each viewer. Scripts written for it work as they stand, with its
name or with `hls-swarm` in its place. Its other flags (`-clients`, `-ramp-rate`, `-variant`, `-resolve`,
`-origin-metrics-host`, ...) are [flags of today](flags.md).

- `{PROGRAM}` is a command of this package. It puts the same load on the origin as before: its viewers are ffmpeg
  processes, with the defaults below. `--engine native` takes the viewers of `hls-swarm`, at a fraction of the cost.
- `hls-swarm` reads the same flags and has its own defaults. What becomes a flag that begins with `--ffmpeg-` concerns
  ffmpeg viewers: add `--engine ffmpeg`.
- What nothing needs any more is taken and said in one line on standard error; the run goes on.
- An old flag is a flag only: it has no environment variable and no key in the settings file.
"""


def old_flags_page() -> str:
    """The page of the first implementation's flags, and of what they are today."""
    lines = [_OLD_HEAD, "| Flag | Today | Values, notes |", "|---|---|---|"]
    lines += [f"| `-{flag.name}` | {_becomes(flag)} | {_cell(_old_notes(flag))} |" for flag in TABLE]
    lines += ["", f"## Defaults of {PROGRAM}\n", "| Flag | Default |", "|---|---|"]
    for field, value in OLD_DEFAULTS.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        lines.append(f"| `--{field.replace('_', '-')}` | `{text}` |")
    return "\n".join([*lines, ""])


def _becomes(flag: OldFlag) -> str:
    return f"`--{flag.becomes}`" if flag.becomes else "not needed"


def _old_notes(flag: OldFlag) -> str:
    parts = [f"`{old}` is `{new}`" for old, new in flag.words.items() if new and old != new]
    parts += [f"in seconds, `5` is `5{flag.unit}`"] * bool(flag.unit)
    parts += [f"at least {flag.least}"] * bool(flag.least)
    parts += [f"by the name {PROGRAM} only"] * flag.under_old_name
    return "; ".join([*parts, *([flag.note] if flag.note else [])])


_SIGNALS_HEAD = """\
# Signals of the origin

Generated from the code by `tools/gen_reference.py`. What they mean for a stream, and what to do about them:
[Read the signals](../how-to/read-the-signals.md).

- The name is the key in the JSON summary, in thresholds with `origin_` before it (`origin_cpu_percent:max < 90`), and
  in the Prometheus endpoint with `hls_swarm_origin_` before it and a label `target`.
- A rate is between two scrapes; the first scrape gives none. An interval in which a counter was reset gives none.
- Signals marked with *window* have P50, P95 and maximum over the rolling window (`--origin-metrics-window`).
- A series that stands on a page twice with two values is unknown. A page that is cut short is refused whole: its last
  line must have an end.
- What a page does not carry is "not exported" and absent everywhere, never 0.
- nginx's clock counts milliseconds: request times below 1 ms are shown as `< 1 ms`, are absent from timeline and
  endpoint, and stand in the JSON summary as what they are below (`p50_below`).
- `[[origin-signal]]` in the settings file adds signals of your own, named `own_...`: see
  [Install exporters on the origin](../how-to/origin-exporters.md#signals-of-your-own).
"""


def signals_page() -> str:
    """The page of the origin's signals: what each is, and where it comes from with each exporter."""
    return "\n".join(
        (_SIGNALS_HEAD, *_limits(), *_signal_tables(), *(line for one in Dialects().all for line in _dialect_part(one)))
    )


def _limits() -> Iterable[str]:
    yield "## Limits\n"
    yield "What is beyond one of these is refused with a reason before work is done on it; the run goes on without it."
    yield f"More than {LARGE_BYTES >> 10} KiB are read in a thread of their own, which holds up nothing else.\n"
    yield "| What | Limit |"
    yield "|---|---|"
    for what, limit in (
        ("a page, before and after decompression", f"{MOST_BYTES >> 20} MiB"),
        ("lines of a page, comments included", f"{MOST_LINES:,}"),
        ("a line, so a name, a label's value, a help text", f"{LONGEST_LINE >> 10} KiB"),
        ("labels of a sample", f"{MOST_LABELS}"),
        ("time of a scrape", f"{TIMEOUT_SHARE:.0%} of the interval, {LONGEST_TIMEOUT:g} s at most"),
        ("machines (`--origin-metrics-host`)", f"{MOST_ORIGIN_HOSTS}"),
        ("series remembered between scrapes, all pages together", f"{REMEMBERED_SERIES:,}"),
        ("samples of an answer of `--prometheus`", f"{MOST_SAMPLES:,}, in {MOST_BYTES >> 20} MiB"),
        ("instances in an answer of `--prometheus`", f"{MOST_INSTANCES}"),
        ("a page that the origin's answer does not delimit", "counts once the next one ends with the same series"),
    ):
        yield f"| {what} | {limit} |"
    yield ""


def _signal_tables() -> Iterable[str]:
    for group, signals in groupby(SIGNALS.values(), key=lambda signal: signal.group):
        yield f"## {GROUP_NAMES[group]}\n"
        yield "| Signal | Unit | Meaning |"
        yield "|---|---|---|"
        for signal in signals:
            unit = signal.unit.value.replace("_", " ") + (", *window*" if signal.windowed else "")
            yield f"| `{signal.name}` | {unit} | {_cell(signal.help)} |"
        yield ""


def _dialect_part(dialect: Dialect) -> Iterable[str]:
    yield f"## From {dialect.name}\n"
    yield f"Recognised by {', '.join(f'`{sign}`' for sign in dialect.signs)}.\n"
    yield "| Signal | Families |"
    yield "|---|---|"
    for row in dialect.rows:
        note = f"; {row.note}" if row.note else ""
        yield f"| `{row.signal.name}` | {', '.join(f'`{family}`' for family in row.families)}{_cell(note)} |"
    yield ""
    missing = {
        name: how for name, how in dialect.how_to_get.items() if name not in {r.signal.name for r in dialect.rows}
    }
    if missing:
        yield "Not exported by it:\n"
        yield from (f"- `{name}`: {how}" for name, how in missing.items())
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def with_tables(page: str, tables: Mapping[str, Iterable[str]]) -> str:
    """A page whose prose is written by hand, with the lines between the marks of each table replaced."""
    for name, lines in tables.items():
        begin, end = f"<!-- from the code: {name} -->", "<!-- end -->"
        before, found, rest = page.partition(begin)
        if not found or end not in rest:
            raise ValueError(f"the page has no place for {name}")
        page = "\n".join([before + begin, "", *lines, "", end + rest.partition(end)[2]])
    return page


def timeline_table() -> Iterable[str]:
    """Every column of the timeline."""
    yield "| Column | Unit | What it is |"
    yield "|---|---|---|"
    for name, unit, text in timeline.columns():
        yield f"| `{name}` | {_unit(unit)} | {text} |"


def metric_table() -> Iterable[str]:
    """Every metric that a threshold may name, with what may follow the colon."""
    yield "| Metric | Unit | `:` | What it is |"
    yield "|---|---|---|---|"
    for metric in METRICS.values():
        after = ", ".join(f"`{each}`" for each in aggregations(metric) if each) or "nothing"
        yield f"| `{metric.name}` | {_unit(metric.unit)} | {after} | {metric.help} |"
    for signal in SIGNALS.values():
        after = "`max`, `min`" if signal.quantile_of else "`mean`, `min`, `p50`, `p95`, `p99`, `max`"
        yield f"| `{ORIGIN_PREFIX}{signal.name}` | {_unit(signal.unit)} | {after} | {signal.help} |"
    for name in dict.fromkeys(signal.quantile_of for signal in SIGNALS.values() if signal.quantile_of):
        yield f"| `{ORIGIN_PREFIX}{name}` | seconds | `p50`, `p95`, `p99` | of all that the origin counted meanwhile |"


def family_table() -> Iterable[str]:
    """Every family of the Prometheus endpoint."""
    yield "| Name | Type | Labels | What it is |"
    yield "|---|---|---|---|"
    for family in FAMILIES:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        more = " With `--prom-client-metrics` only." if family.on_request else ""
        yield f"| `{family.full_name}` | {family.type.value} | {labels} | {family.help}.{more} |"


def expectation_table() -> Iterable[str]:
    """What is expected of every run."""
    yield "| Name | What may be so much at most | At most | Instead of it, a threshold on |"
    yield "|---|---|---|---|"
    for each in DEFAULTS:
        yield f"| `{each.name}` | {each.what} | {100 * each.limit:g}% | {f'`{each.metric}`' if each.metric else ''} |"


def rule_tables() -> Iterable[str]:
    """Every rule of the findings, by subject."""
    for subject, rules in BY_SUBJECT.items():
        yield f"### {subject}\n"
        yield "| Rule | Says | Holds when | Blames | Next step |"
        yield "|---|---|---|---|---|"
        yield from (_rule_row(rule) for rule in rules)
        yield ""


def _rule_row(rule: Rule) -> str:
    conditions = "; ".join(condition.text for condition in rule.conditions)
    lasting = f", for {rule.for_seconds:.0f} s" if rule.for_seconds else ""
    critical = f". Critical: {rule.critical.text}" if rule.critical is not None else ""
    culprit = rule.culprit.value if rule.culprit is not None else ""
    standing = f"{culprit} ({rule.standing.value}, {rule.severity.value})" if culprit else rule.standing.value
    words = (_cell(_FIGURE.sub("…", text)) for text in (rule.what, conditions + lasting + critical, standing))
    return f"| `{rule.name}` | {' | '.join(words)} | {_cell(rule.next_step)} |"


_FIGURE = re.compile(r"\{\w+\}")


def _unit(unit: Unit | None) -> str:
    return "" if unit is None else unit.value.replace("_", " ").replace("ratio", "0 to 1").replace("multiple", "number")


def main(arguments: list[str]) -> int:
    """Write or check the pages; gives the exit code."""
    pages = {REFERENCE / "flags.md": flags_page(), REFERENCE / "signals.md": signals_page()}
    pages[REFERENCE / "old-flags.md"] = old_flags_page()
    pages[DEPLOY / "grafana" / "hls-swarm.json"] = grafana_dashboard()
    pages[DEPLOY / "grafana" / "hls-swarm-native.json"] = grafana_dashboard(native=True)
    pages[DEPLOY / "prometheus" / "hls-swarm.rules.yml"] = alert_rules()
    pages[REFERENCE.parent / "man" / "hls-swarm.1"] = manual(tuple(commands().values()), __version__)
    for name, tables in _TABLES.items():
        path = REFERENCE / name
        pages[path] = with_tables(path.read_text(encoding="utf-8"), {key: make() for key, make in tables.items()})
    pages[REFERENCE / "summary.schema.json"] = json.dumps(json_schema(), indent=2) + "\n"
    findings = REFERENCE.parent / "findings.md"
    tables = {"expectations": expectation_table(), "rules": rule_tables()}
    pages[findings] = with_tables(findings.read_text(encoding="utf-8"), tables)
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if arguments == ["--check"]:
        for path in stale:
            sys.stderr.write(f"{path.name} is not what the code says: run python tools/gen_reference.py\n")
        return 1 if stale else 0
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages[path], encoding="utf-8")
    return 0


_TABLES: Mapping[str, Mapping[str, Callable[[], Iterable[str]]]] = {
    "metrics.md": {"columns of the timeline": timeline_table},
    "thresholds.md": {"metrics": metric_table},
    "prometheus.md": {"families": family_table},
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
