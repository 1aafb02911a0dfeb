"""The verdict of a check: whether stream and exporters are fit for a run, one line each."""

from collections.abc import Iterator
from dataclasses import dataclass

from hls_swarm.judge.verdict import Outcome, Verdict
from hls_swarm.records import ObjectKind
from hls_swarm.snapshot import units
from hls_swarm.snapshot.origin.metrics import SourceState
from hls_swarm.snapshot.snapshot import Snapshot
from hls_swarm.snapshot.viewers.lowlatency import FAULT_ADVICE, LowLatencyFigures, offered, wanting

CHECK_SECONDS = 10.0
"""How long the one viewer of a check plays."""


_PLAYLISTS = (ObjectKind.MULTIVARIANT_PLAYLIST, ObjectKind.MEDIA_PLAYLIST)


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is fit, and why.

    Args:
        noted: whether it is only to be known, of something that is fit.
    """

    subject: str
    fit: bool
    words: str
    noted: bool = False

    @property
    def line(self) -> str:
        """As a person reads it."""
        mark = "note" if self.noted else "ok  " if self.fit else "FAIL"
        return f"{mark}  {self.subject}: {self.words}"


def findings(snapshot: Snapshot, outcome: Outcome) -> tuple[Finding, ...]:
    """What one viewer and the scraper found: the stream first, then each page of each exporter."""
    return (
        _stream(snapshot, outcome),
        *_hosts(snapshot),
        *_compression(snapshot),
        *_low_latency(snapshot.low_latency),
        *_noted(snapshot),
        *_exporters(snapshot),
    )


def judged(found: tuple[Finding, ...], outcome: Outcome) -> Outcome:
    """The outcome of a check: what is not fit is a reason to fail, as a broken expectation is."""
    unfit = dict.fromkeys(finding.subject for finding in found if not finding.fit)
    if outcome.exit_code or not unfit:
        return outcome
    return Outcome(Verdict.FAIL, (*outcome.reasons, f"not fit for a run: {', '.join(unfit)}"))


def _noted(snapshot: Snapshot) -> Iterator[Finding]:
    """What is to be known of the stream although it plays: what it does against the draft, and what was not tried."""
    for found in snapshot.violations:
        yield Finding("violation", True, f"{found.words}: {found.where}", noted=True)
    for remark in snapshot.remarks:
        yield Finding("stream", True, remark, noted=True)


def _low_latency(figures: LowLatencyFigures | None) -> Iterator[Finding]:
    """What a low-latency stream offers, what its server does wrong, and what it lacks of what the draft recommends."""
    if figures is None or figures.offer is None:
        return
    words = [offered(figures.offer)]
    if figures.part_age is not None:
        words.append(f"parts come {units.seconds(figures.part_age.p50)} after their end by its dates")
    yield Finding("low latency", True, "; ".join(words))
    for fault in figures.faults:
        yield Finding(
            "low latency", False, f"{fault.words}: {FAULT_ADVICE[fault.kind]}; the newest: {fault.example_url}"
        )
    for line in wanting(figures.offer):
        yield Finding("low latency", True, line, noted=True)


def _stream(snapshot: Snapshot, outcome: Outcome) -> Finding:
    subject = f"stream {snapshot.url}"
    if outcome.exit_code:
        return Finding(subject, False, "; ".join(outcome.reasons))
    experience, objects = snapshot.experience, snapshot.objects
    segments, parts = objects.get(ObjectKind.SEGMENT), objects.get(ObjectKind.PART)
    words = [
        f"plays after {units.seconds(experience.startup.p50 if experience.startup else None)}",
        *([units.counted(segments.requests if segments else 0, "segment")] if segments or not parts else []),
        *([units.counted(parts.requests, "part")] if parts else []),
    ]
    if experience.live_latency is not None and parts:
        words.append(f"{units.seconds(experience.live_latency.p50)} from live")
    if experience.stalls:
        words.append(f"{units.counted(experience.stalls, 'stall')}, {units.seconds(experience.stalled_seconds)} in all")
    failed = sum(figures.failed for figures in snapshot.objects.values())
    if failed:
        words.append(f"{units.counted(failed, 'request')} failed, the last of them: {snapshot.errors[0].detail}")
    return Finding(subject, not experience.stalls and not failed, ", ".join(words))


def _hosts(snapshot: Snapshot) -> Iterator[Finding]:
    """Which versions of HTTP each host was asked over."""
    for host in snapshot.hosts:
        if host.versions:
            words = f"{host.http_words}, {units.counted(host.connections, 'connection')}"
            yield Finding(f"host {host.words}", True, words)


def _compression(snapshot: Snapshot) -> Iterator[Finding]:
    """Whether playlists come in a content coding, and whether media does; of ffmpeg processes that is not known."""
    if snapshot.players is not None:
        return
    playlists = [snapshot.objects[kind] for kind in _PLAYLISTS if kind in snapshot.objects]
    completed, compressed = (sum(getattr(each, name) for each in playlists) for name in ("completed", "compressed"))
    if completed:
        words = "compressed" if compressed == completed else f"{compressed} of {completed} compressed"
        size = units.size(sum(each.body_bytes for each in playlists) / completed)
        yield Finding("playlists", True, f"{words if compressed else 'not compressed'}, {size} each as they come")
    for kind in (ObjectKind.SEGMENT, ObjectKind.PART):
        media = snapshot.objects.get(kind)
        if media is not None and media.compressed:
            words = f"{media.compressed} of {media.completed} compressed, which costs the server much and saves nothing"
            yield Finding(f"{kind}s", True, words, noted=True)


def _exporters(snapshot: Snapshot) -> Iterator[Finding]:
    for target in snapshot.origin.targets if snapshot.origin is not None else ():
        for source in target.sources:
            up = source.state is SourceState.UP
            words = f"{units.count(source.samples or 0)} samples" if up else source.reason or source.state.value
            yield Finding(f"exporter {source.url}", up, words)
