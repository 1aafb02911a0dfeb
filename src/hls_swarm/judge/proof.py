"""Proof of play: what must have happened before a run may be called a pass.

Rules:

- A session is due once it had as long as its player may take to start (`Profile.start_seconds`): it has played, or
  failed, or was still waiting then. One that the end of the run, or its own, cut off sooner is not due and says
  nothing. One that came to the end of its stream without playing is due whenever that was.
- Nothing is proven if nobody was started, if nobody played, if media came to nobody, or if everybody failed. Such a run
  is an error, whatever its thresholds say: over nothing, they say nothing.
- A run in which more than `UNPLAYED_LIMIT` of the sessions that were due never played is no pass either. It did measure
  something, so what it measured is judged first.
- The reason names what could not be had: the object, which stream of the multivariant playlist it belongs to, its URL.
"""

from hls_swarm.judge.advice import next_step
from hls_swarm.records import ASKED_OF_THE_ORIGIN, Blame, FailureKind, ObjectKind
from hls_swarm.snapshot.snapshot import Snapshot, ViewerFigures

UNPLAYED_LIMIT = 0.01
"""Share of the sessions that were due which may never have played."""

_WAITED_FOR = frozenset(
    {
        FailureKind.CONNECT_TIMEOUT,
        FailureKind.FIRST_BYTE_TIMEOUT,
        FailureKind.NO_PROGRESS_TIMEOUT,
        FailureKind.TOTAL_TIMEOUT,
        FailureKind.CANCELLED,
    }
)
_NAMES = {
    ObjectKind.MULTIVARIANT_PLAYLIST: "playlist",  # the first one may be of either kind
    ObjectKind.MEDIA_PLAYLIST: "media playlist",
    ObjectKind.SEGMENT: "segment",
    ObjectKind.PART: "part",
    ObjectKind.INIT: "init section",
    ObjectKind.KEY: "key",
    ObjectKind.PREFLIGHT: "preflight",
    ObjectKind.STEERING: "steering manifest",
    ObjectKind.CMCD_REPORT: "CMCD report",
}


def due(viewers: ViewerFigures) -> int:
    """Sessions that should have played."""
    return viewers.played + unplayed(viewers)


def unplayed(viewers: ViewerFigures) -> int:
    """Sessions that should have played and did not."""
    return viewers.start_failures + viewers.overdue


def nothing_proven(snapshot: Snapshot) -> str | None:
    """Why the run says nothing of the origin, in words; None if it does say something."""
    viewers = snapshot.viewers
    if not viewers.started:
        return f"no viewer was started in {_seconds(snapshot)}"
    if viewers.failed >= viewers.started:
        who = "the only viewer" if viewers.failed == 1 else f"all {viewers.failed} viewers that started"
        return f"{who} failed{_because(snapshot)}"
    if not viewers.played:
        if unplayed(viewers) or snapshot.errors or _only_gaps(snapshot):
            return f"no viewer played in {_seconds(snapshot)}{_because(snapshot)}"
        return f"no viewer played in {_seconds(snapshot)}, which was too short for a start{_because(snapshot)}"
    kinds = (ObjectKind.SEGMENT, ObjectKind.PART)
    media = [snapshot.objects[kind] for kind in kinds if kind in snapshot.objects]
    # A player's process writes media before it says how many bytes that took.
    if snapshot.players is None and media and not any(figures.body_bytes for figures in media):
        asked = sum(figures.requests for figures in media)
        return f"no media came: {asked} segments were asked for, and 0 bytes arrived"
    return None


def is_refused(snapshot: Snapshot) -> bool:
    """Whether the origin itself said what was in the way, which no lateness of this machine can have made.

    An answer that came too late may be late because of this machine; a status 404 is not.
    """
    kinds = [error.kind for error in snapshot.errors if error.blame is Blame.ORIGIN]
    return any(kind not in _WAITED_FOR for kind in kinds) and len(kinds) == len(snapshot.errors)


def unproven(snapshot: Snapshot) -> str | None:
    """Why too few of the viewers played for a pass, in words; None if enough did."""
    viewers = snapshot.viewers
    missing, wanted = unplayed(viewers), due(viewers)
    if missing <= UNPLAYED_LIMIT * wanted:
        return None
    return f"{missing} of {wanted} viewers that were due to play never did{_because(snapshot)}"


def hopeless(snapshot: Snapshot) -> str:
    """Why a run ends before its time when its first viewers have all failed."""
    failed = snapshot.viewers.failed
    return f"the {f'first {failed} viewers' if failed > 1 else 'first viewer'} failed{_because(snapshot)}"


def unreached(snapshot: Snapshot) -> str | None:
    """What is in the way, in words, as long as nothing came from the origin and everybody still tries; else None."""
    asked = any(error.blame is Blame.ORIGIN for error in snapshot.errors)  # else this machine did not get so far
    came = any(figures.body_bytes for kind, figures in snapshot.objects.items() if kind in ASKED_OF_THE_ORIGIN)
    if not asked or snapshot.viewers.failed or came:
        return None
    return f"nothing came from the origin yet{_because(snapshot)}"


def _because(snapshot: Snapshot) -> str:
    """What was in the way of most viewers: a fatal failure, else what failed, else what never came."""
    blamed = next((error for error in snapshot.errors if error.blame is Blame.ORIGIN), None)
    if snapshot.fatal_reasons:
        fatal = snapshot.fatal_reasons[0]
        if fatal.url is None and blamed is not None:  # a player's process says what, but not where
            return f": {_words(fatal.detail, blamed.object, blamed.example_url)}"
        return f": {_words(fatal.detail, fatal.object, fatal.url or snapshot.url, fatal.stream)}"
    if blamed is not None:
        return f": {_words(blamed.detail, blamed.object, blamed.example_url)}"
    gaps = _only_gaps(snapshot)
    if gaps:
        return f": the playlist marks its segments as missing (EXT-X-GAP), {gaps} were passed over, {snapshot.url}"
    # What comes last on the way to play says most: the rest had come.
    for kind in reversed(ASKED_OF_THE_ORIGIN):
        figures = snapshot.objects.get(kind)
        waiting = None if figures is None else figures.waiting
        if waiting is not None:
            what = "had not come whole" if waiting.answered else "had no answer"
            return f": {_NAMES[kind]} {waiting.url} {what} after {waiting.seconds:.1f} s"
    return ""


def _only_gaps(snapshot: Snapshot) -> int:
    """How many segments were passed over because the playlist marks them as missing, where none was asked for."""
    quality = snapshot.experience.quality
    return 0 if quality is None or ObjectKind.SEGMENT in snapshot.objects else quality.gap_segments


def _words(detail: str, kind: ObjectKind | None, url: str, stream: str = "") -> str:
    what = url if kind is None else f"{_NAMES[kind]} {url}"
    step = next_step(detail, url)
    return f"{detail}, {what}" + (f", {stream}" if stream else "") + (f"; {step}" if step else "")


def _seconds(snapshot: Snapshot) -> str:
    return f"{snapshot.elapsed_seconds:.1f} s"
