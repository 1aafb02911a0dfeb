"""One chaos run from end to end: the bed, the run, the faults, and what is wrong in the end."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.bed import SERVERS, Bed, bed
from tests.chaos.checks import Counted, Told, badly_ended, counted, logged, miscounted, not_flat, untold
from tests.chaos.faults import Fault, do_all, possible
from tests.chaos.load import Load, Sample, load
from tests.chaos.plan import CALM_AT_FIRST_SECONDS, CALM_AT_LAST_SECONDS, planned
from tests.support.environment import clean_environ

WORKERS = 2
_END_SECONDS = 60.0
_REPORT_SECONDS = 120.0
_WARM_SHARE = 0.1
"""Of a run, after which its memory is compared: caches and histograms are filled by then."""


@dataclass(frozen=True)
class Chaos:
    """What to do.

    Args:
        pause_seconds: between two faults of a lane, at least and at most.
    """

    viewers: int
    run_seconds: float
    pause_seconds: tuple[float, float]
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Args:
        wrong: in words; empty if all is well.
        lacks: what could not be done here, in words.
        counts: beside those of the origin's log.
        usage: by name of the process.
    """

    faults: Sequence[Fault]
    told: Told
    counts: Sequence[Counted]
    usage: Mapping[str, Sequence[Sample]]
    wrong: Sequence[str]
    lacks: Sequence[str]

    def lines(self) -> Iterator[str]:
        """A report for a person."""
        began, summary = self.told.began_at, self.told.summary
        for fault in self.faults:
            said = sorted(set(self.told.of(fault)), key=lambda told: told[1])
            words = "; ".join(f"{name} after {after:.1f} s" for name, after in said[:4]) or "NOT TOLD"
            what, lasted = f"{fault.kind.value} ({fault.what})", fault.until - fault.at
            yield f"{fault.at - began:7.1f} s  {what}, {lasted:.1f} s: {words}"
        for count in self.counts:
            yield f"{count.kind}: {count.least} to {count.most} requests; in the origin's log {count.seen}"
        yield f"unsettled requests: {summary['unsettled_requests']}; repeated: {summary['repeated_requests']}"
        yield f"verdict: {summary['verdict']} ({summary['exit_code']}): {'; '.join(summary['reasons'])}"
        for name, samples in self.usage.items():
            parts = samples[:: max(1, len(samples) // 6)]
            memory = ", ".join(f"{sample.memory_bytes / 1e6:.0f}" for sample in parts)
            yield f"{name}: {memory} MB; descriptors {', '.join(str(sample.descriptors) for sample in parts)}"
        yield from (f"LACKS: {lack}" for lack in self.lacks)
        yield from (f"WRONG: {what}" for what in self.wrong)


def chaos(folder: Path, wanted: Chaos) -> Outcome:
    """Do it, in a folder that is empty. The faults are written down in `folder`/faults.jsonl as they end.

    A copy of the run folder is in `folder`/run afterwards.
    """
    with bed(folder) as around:
        faults = planned(wanted.seed, wanted.run_seconds, wanted.pause_seconds, possible(around))
        with load(around, folder, wanted.viewers, WORKERS, wanted.run_seconds) as run:
            run.wait_for_workers(WORKERS)
            began_at = time.time()
            done = do_all(faults, around, run, wanted.viewers, folder / "faults.jsonl")
            code = _ended(run, wanted.run_seconds + _END_SECONDS)
            ended_at = time.time()
        told = Told(run.summary(), run.events(), run.log(), f":{around.exporters[SERVERS].port}/")
        wrong = [*_report_is_wrong(around)]
        shutil.copytree(run.folder, folder / "run")  # its disk goes with the bed
        if "Traceback" in (said := (folder / "log.out").read_text(errors="replace") if around.link is not None else ""):
            wrong.append(f"a traceback of the log exporter: {said[-2000:]}")
        if not around.nginx.quit():
            wrong.append("nginx did not end when all viewers had gone: its log is not whole")
        log = [*logged(around.nginx.access_log.read_text().splitlines())]
        counts = [*counted(told.summary, log, done, WORKERS)]
        names = {run.process.pid: "controller"} | {pid: f"worker {nth}" for nth, pid in enumerate(run.workers)}
        usage = {names[pid]: samples for pid, samples in run.usage.items()}
        connections = {name: 2 * -(-wanted.viewers // WORKERS) for name in usage if name != "controller"}
        warm_at = began_at + max(CALM_AT_FIRST_SECONDS, wanted.run_seconds * _WARM_SHARE)
        wrong += [
            *badly_ended(code, told.summary, run.said(), told.events),
            *untold(told, done),
            *miscounted(counts),
            *not_flat(
                usage,
                (warm_at - 5.0, warm_at + 5.0),
                (ended_at - CALM_AT_LAST_SECONDS / 2, ended_at - 2.0),
                connections,
            ),
        ]
        return Outcome(done, told, counts, usage, wrong, around.lacks)


def _ended(run: Load, seconds: float) -> int:
    """Its exit code; one that does not end is killed, which is an exit code too."""
    with suppress(subprocess.TimeoutExpired):
        return run.process.wait(seconds)
    run.process.kill()
    return run.process.wait(10)


def _report_is_wrong(around: Bed) -> Iterator[str]:
    """What a report of the run folder says of it."""
    command = [*around.entrance, sys.executable, "-m", "hls_swarm", "report", str(around.place / "run")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_REPORT_SECONDS, check=False, env=clean_environ()
    )
    if done.returncode != 0 or "Traceback" in done.stderr or not done.stdout:
        yield f"the report of the run ended with {done.returncode}: {done.stderr[-2000:]}"
