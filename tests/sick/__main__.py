"""Makes a real origin sick while viewers watch, and checks what the run says of it.

python -m tests.sick                 the eight that the rules were made for
python -m tests.sick more            six that they were not made for
python -m tests.sick all             both
python -m tests.sick throttled ...   some, by name

For each: the right word ten seconds after at most, the right cause first among the findings, the right verdict and exit
code, the time marked in the report. A run that is invalid because others keep this machine busy is made once more. The
rows of the table in docs/findings.md come last.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.sick.more_sicknesses import MORE_SICKNESSES
from tests.sick.origin import Origin, origin
from tests.sick.sicknesses import SICKNESSES, Sickness

VIEWERS = 20
WELL_SECONDS = 24.0
"""Time before it gets sick: what was before must be known, and that takes twenty seconds."""
SICK_SECONDS = 20.0
WITHIN_SECONDS = 10.0
MARKED_WITHIN_SECONDS = 15.0
"""Buffers hide some sicknesses for as long as that."""
TRIES = 2
GROUPS: Mapping[str, Sequence[Sickness]] = {
    "": SICKNESSES,
    "more": MORE_SICKNESSES,
    "all": (*SICKNESSES, *MORE_SICKNESSES),
}


@dataclass(frozen=True)
class Outcome:
    """What a run said.

    Args:
        word_after: how long after it got sick the first right word came; None: never.
        words: all words since, in their order.
        first, what, severity: of the finding that leads.
        others: rules of those behind it.
        found_after: when that finding begins, after it got sick; 0: it held already.
        drawn: whether the charts of the report have a band from then.
    """

    word_after: float | None
    words: tuple[str, ...]
    first: str
    what: str
    severity: str
    others: tuple[str, ...]
    found_after: float
    drawn: bool
    verdict: str
    exit_code: int
    reasons: tuple[str, ...]

    @property
    def is_marked(self) -> bool:
        """Whether the report shows when it was: the finding's time, and, unless nobody suffered, a band."""
        return abs(self.found_after) <= MARKED_WITHIN_SECONDS and (self.drawn or self.severity == "note")

    def wrong(self, sickness: Sickness) -> list[str]:
        """What it should have said."""
        out = []
        if self.word_after is None or self.word_after > WITHIN_SECONDS:
            out.append(f"word: {' then '.join(self.words)}, not {' or '.join(sorted(sickness.words))} within 10 s")
        if self.first not in sickness.first:
            out.append(f"first finding: {self.first or 'none'}, not {' or '.join(sorted(sickness.first))}")
        missing = sickness.also - {self.first, *self.others[:2]}
        if missing:
            out.append(f"not among the first three findings: {', '.join(sorted(missing))}")
        if (self.verdict, self.exit_code) != (sickness.verdict, sickness.exit_code):
            out.append(f"{self.verdict} ({self.exit_code}), not {sickness.verdict} ({sickness.exit_code})")
        if not self.is_marked:
            out.append(f"not marked in the report: the first finding begins {self.found_after:+.0f} s from then")
        return out

    def row(self, sickness: Sickness) -> str:
        """Of the table in docs/findings.md."""
        after = "" if not self.word_after else f" after {self.word_after:.0f} s"
        word = f"{self.words[-1] if self.word_after is None else sickness.word_of(self.words)}{after}"
        right = "; ".join(self.wrong(sickness)) or "yes"
        cells = (sickness.name, word, f"`{self.first}`: {self.what}", f"{self.verdict} ({self.exit_code})", right)
        return f"| {' | '.join(cells)} |"


def main(names: Sequence[str]) -> int:
    """Make these sick; gives the exit code."""
    known = {sickness.name: sickness for sickness in GROUPS["all"]}
    chosen: list[Sickness] = []
    for name in names or ("",):
        if name not in GROUPS and name not in known:
            groups = ", ".join(filter(None, GROUPS))
            sys.stderr.write(f"no such sickness: {name}. There are {', '.join(known)}; {groups}\n")
            return 2
        chosen += GROUPS[name] if name in GROUPS else (known[name],)
    outcomes = [(sickness, _tried(sickness)) for sickness in chosen]
    for sickness, outcome in outcomes:
        print(outcome.row(sickness))
    return 1 if any(outcome.wrong(sickness) for sickness, outcome in outcomes) else 0


def _tried(sickness: Sickness) -> Outcome:
    for number in range(TRIES):
        outcome = _run(sickness)
        if outcome.verdict != "invalid" or number == TRIES - 1:
            break
        print(f"{sickness.name}: this machine was too busy, once more", flush=True)
    wrong = outcome.wrong(sickness)
    after = "-" if outcome.word_after is None else f"{outcome.word_after:.1f} s"
    lines = (
        f"{'WRONG' if wrong else 'right'}  {sickness.name:<18} {' '.join(outcome.words)} (after {after})",
        f"       {outcome.first} after {outcome.found_after:.0f} s: {outcome.what}  ({' '.join(outcome.others)})",
        f"       {outcome.verdict}, exit code {outcome.exit_code}: {'; '.join(outcome.reasons) or 'no reasons'}",
        *(f"       {words}" for words in wrong),
    )
    print("\n".join(lines), flush=True)
    return outcome


def _run(sickness: Sickness) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="sick-") as folder:
        path = Path(folder)
        with origin(path / "origin", server=sickness.server, disk=sickness.disk, edge=sickness.edge) as made:
            process = _swarm(made, path / "run", path / "run.out", sickness.flags)
            try:
                time.sleep(WELL_SECONDS)
                sick_at = time.time()
                with sickness.make(made):
                    code = process.wait(SICK_SECONDS + 30)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
            return _outcome(sickness, path / "run", sick_at, code)


def _swarm(made: Origin, folder: Path, out: Path, flags: Sequence[str]) -> "subprocess.Popen[bytes]":
    command = [
        sys.executable, "-m", "hls_swarm", "--clients", str(VIEWERS), "--ramp-rate", "20", "--duration",
        f"{WELL_SECONDS + SICK_SECONDS:.0f}s", "--no-tui", "--metrics", "off", "--output", str(folder),
        "--origin-metrics", made.node_url, "--nginx-metrics", made.nginx_url, "--origin-metrics-interval", "1s",
        "--origin-metrics-interface", "lo", "--html", str(folder.with_suffix(".html")), *flags, made.stream_url,
    ]  # fmt: skip
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HLS_SWARM_")}
    with out.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environ)


def _outcome(sickness: Sickness, folder: Path, sick_at: float, code: int) -> Outcome:
    summary: Mapping[str, Any] = json.loads((folder / "summary.json").read_bytes())
    lines = (folder / "events.jsonl").read_text().splitlines()
    told = [event for event in map(json.loads, lines) if event["kind"] == "condition"]
    before = [event for event in told if event["time"] <= sick_at]
    since = [event for event in told if event["time"] > sick_at]
    words = [event["details"]["condition"] for event in (*before[-1:], *since)]
    after = [event["time"] - sick_at for event in since if event["details"]["condition"] in sickness.words]
    if before and before[-1]["details"]["condition"] in sickness.words:
        after.insert(0, 0.0)  # it is right already, and must only stay so
    rows = map(json.loads, (folder / "timeline.jsonl").read_text().splitlines())
    started_at = next(row["time"] - row["elapsed_seconds"] for row in rows if "time" in row)
    findings = summary["findings"] or [{"rule": "", "what": "", "severity": "note", "intervals": []}]
    first = findings[0]
    begins = [interval["from_seconds"] for interval in first["intervals"]]
    sick_seconds = sick_at - started_at
    holds = [
        interval["from_seconds"] <= sick_seconds <= interval.get("to_seconds", sick_seconds)
        for interval in first["intervals"]
    ]
    nearest = 0.0 if any(holds) else min((begin - sick_seconds for begin in begins), key=abs, default=float("inf"))
    return Outcome(
        word_after=after[0] if after else None,
        words=tuple(words),
        first=first["rule"],
        what=first["what"],
        severity=first["severity"],
        others=tuple(finding["rule"] for finding in findings[1:]),
        found_after=nearest,
        drawn=_bands(folder.with_suffix(".html")) >= set(begins),
        verdict=summary["verdict"],
        exit_code=code,
        reasons=tuple(summary["reasons"]),
    )


def _bands(report: Path) -> set[float]:
    """When findings begin that the report's charts mark."""
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', report.read_text(), re.DOTALL)
    return {band["from"] for band in json.loads(data[1])["bands"] if band["sort"] != "phase"} if data else set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
