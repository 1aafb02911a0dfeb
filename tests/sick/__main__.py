"""Makes a real origin sick in eight ways while viewers watch, and checks what the run says of each.

python -m tests.sick                 all of them
python -m tests.sick throttled ...   some

For each: the right word ten seconds after at most, the right cause first among the findings, the right verdict and exit
code. A run that is invalid because others keep this machine busy is made once more.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.sick.origin import Origin, origin
from tests.sick.sicknesses import SICKNESSES, Sickness

VIEWERS = 20
WELL_SECONDS = 24.0
"""Time before it gets sick: what was before must be known, and that takes twenty seconds."""
SICK_SECONDS = 20.0
WITHIN_SECONDS = 10.0
TRIES = 2


@dataclass(frozen=True)
class Outcome:
    """What a run said.

    Args:
        word_after: how long after it got sick the first right word came; None: never.
        words: all words since, in their order.
    """

    word_after: float | None
    words: tuple[str, ...]
    first: str
    what: str
    verdict: str
    exit_code: int

    def wrong(self, sickness: Sickness) -> list[str]:
        """What it should have said."""
        out = []
        if self.word_after is None or self.word_after > WITHIN_SECONDS:
            out.append(f"word: {' then '.join(self.words)}, not {' or '.join(sorted(sickness.words))} within 10 s")
        if self.first not in sickness.first:
            out.append(f"first finding: {self.first or 'none'}, not {' or '.join(sorted(sickness.first))}")
        if (self.verdict, self.exit_code) != (sickness.verdict, sickness.exit_code):
            out.append(f"{self.verdict} ({self.exit_code}), not {sickness.verdict} ({sickness.exit_code})")
        return out


def main(names: Sequence[str]) -> int:
    """Make these sick, all without names; gives the exit code."""
    unknown = set(names) - {sickness.name for sickness in SICKNESSES}
    if unknown:
        sys.stderr.write(f"no such sickness: {', '.join(sorted(unknown))}\n")
        return 2
    failed = 0
    for sickness in SICKNESSES:
        if names and sickness.name not in names:
            continue
        for number in range(TRIES):
            outcome = _run(sickness)
            if outcome.verdict != "invalid" or number == TRIES - 1:
                break
            print(f"{sickness.name}: this machine was too busy, once more", flush=True)
        wrong = outcome.wrong(sickness)
        failed += bool(wrong)
        after = "-" if outcome.word_after is None else f"{outcome.word_after:.1f} s"
        print(
            f"{'WRONG' if wrong else 'right'}  {sickness.name:<18} {' '.join(outcome.words)} (after {after})",
            flush=True,
        )
        print(
            f"       {outcome.first}: {outcome.what}  ->  {outcome.verdict}, exit code {outcome.exit_code}", flush=True
        )
        for words in wrong:
            print(f"       {words}", flush=True)
    return 1 if failed else 0


def _run(sickness: Sickness) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="sick-") as folder:
        path = Path(folder)
        with origin(path / "origin", server=sickness.server, disk=sickness.disk) as made:
            process = _swarm(made, path / "run", path / "run.out")
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


def _swarm(made: Origin, folder: Path, out: Path) -> "subprocess.Popen[bytes]":
    command = [
        sys.executable, "-m", "hls_swarm", "--clients", str(VIEWERS), "--ramp-rate", "20", "--duration",
        f"{WELL_SECONDS + SICK_SECONDS:.0f}s", "--no-tui", "--metrics", "off", "--output", str(folder),
        "--origin-metrics", made.node_url, "--nginx-metrics", made.nginx_url, "--origin-metrics-interval", "1s",
        "--origin-metrics-interface", "lo", made.stream_url,
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
    first = summary["findings"][0] if summary["findings"] else {"rule": "", "what": ""}
    return Outcome(
        word_after=after[0] if after else None,
        words=tuple(words),
        first=first["rule"],
        what=first["what"],
        verdict=summary["verdict"],
        exit_code=code,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
