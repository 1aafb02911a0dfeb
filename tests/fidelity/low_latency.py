"""Our profiles beside hls.js and Shaka on low-latency streams, request for request, query strings included.

As in `tests.fidelity`: each player has an embedded origin of its own, ours begins at the same phase of the stream's
clock, and the same goes wrong at the same time. Compared is, for each track, which reloads and which media were asked
for, in order, when, and how far behind live the player is. `docs/fidelity.md` says what the tolerances are and why.

    python -m tests.fidelity.low_latency [hlsjs|shaka|NAME...]
"""

import re
import sys
from dataclasses import dataclass
from itertools import dropwhile
from statistics import median
from typing import Any

import uvloop
from tests.fidelity.__main__ import SEGMENT_SECONDS, Scenario
from tests.fidelity.edge import MASTER, PART_TARGET_SECONDS, REAL, Played, observe

LATENCY_SECONDS = 0.3
TIME_SECONDS = 0.3
"""At the 95th percentile of the differences in time, once both have joined."""
_JOINED_SECONDS = 3.0
"""By then both play: a browser takes its time for its first pictures."""
_LAST_SECONDS = 4.0
_STALL_SECONDS = 0.1
_MOST_SKIPPED = 6
_AT_ONCE_SECONDS = 0.05
_AGAIN_SECONDS, _PART_AGAIN_SECONDS = 0.3, 0.6
"""From one try to the next: a part may have been waited for in between."""
_MEDIA_PART = re.compile(r"(?:seg|init)-([+-]\d+)-?(\d+)?")
_PART = re.compile(r"_HLS_msn=([+-]\d+)&_HLS_part=(\d+)")
_WHOLE = re.compile(r"seg-[+-]\d+\.m4s")
_PER_SEGMENT = 6
_BEATS, _BEATS_SAME = 8, 2 / 3
_TRIES_APART = 0.15
_PART_STARTS = (0.0, 0.36, 0.68, 1.0, 1.36, 1.68)
"""Of video within a segment, 25 frames a second."""
_MEDIA = "/ll/video-540p/playlist.m3u8"
_BOTH = tuple(REAL)

SCENARIOS = (
    Scenario("undisturbed", f"{_MEDIA}?token=a", 16.0, players=_BOTH),
    Scenario("audio apart", MASTER, 16.0, players=_BOTH),
    Scenario("origin pauses 3 s", _MEDIA, 20.0, ((5.0, "pause=3s"),), players=_BOTH),
    Scenario("playlists stay as they are for 4 s", _MEDIA, 20.0, ((5.0, "frozen,for=4s"),), players=_BOTH),
    Scenario("playlists answer 503 for 2 s", _MEDIA, 20.0, ((5.0, "status=503,on=playlist,for=2s"),), players=_BOTH),
    Scenario("media answers 503 for 1 s", _MEDIA, 20.0, ((5.0, "status=503,on=segment,for=1s"),), players=_BOTH),
    Scenario("parts half a second late for 3 s", _MEDIA, 20.0, ((5.0, "late=500ms,for=3s"),), players=_BOTH),
    Scenario("new init sections for 6 s", _MEDIA, 20.0, ((5.0, "new-map,for=6s"),), players=_BOTH),
    Scenario("hints that do not come true for 3 s", _MEDIA, 20.0, ((5.0, "lost-hint,for=3s"),), players=_BOTH),
)


def aligned(real: list[tuple[float, str]], ours: list[tuple[float, str]]) -> tuple[list[Any], list[Any], int]:
    """Both from the first request on that they have in common, and how many that leaves out of the longer one.

    A browser takes its time for its first requests; meanwhile a part or two is published.
    """
    for skipped in range(_MOST_SKIPPED + 1):
        for mine, theirs in ((real[skipped:], ours), (real, ours[skipped:])):
            if mine and theirs and mine[0][1] == theirs[0][1]:
                return mine, theirs, skipped
    return real, ours, 0


def ordered(requests: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """In the order of what they are for, where two go out at once: Shaka fetches ahead, and may ask for that first."""
    out: list[tuple[float, str]] = []
    for at, name in requests:
        place = len(out)
        while place and at - out[place - 1][0] <= _AT_ONCE_SECONDS and _number(name) < _number(out[place - 1][1]):
            place -= 1
        out.insert(place, (at, name))
    return out


def _number(name: str) -> tuple[int, ...]:
    found = _PART.search(name) or _MEDIA_PART.search(name)
    return () if found is None else tuple(int(group or -1) for group in found.groups())


def tries_as_one(requests: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Without what is asked for again at once after a failure: Shaka draws its waits, and so how often it asks."""
    out: list[tuple[float, str]] = []
    last = 0.0
    for at, name in requests:
        longest = _AGAIN_SECONDS if _PART.search(name) else _PART_AGAIN_SECONDS
        if not out or name != out[-1][1] or at - last > longest:
            out.append((at, name))
        last = at
    return out


@dataclass(frozen=True)
class Requests:
    """How near two sequences of requests are.

    Args:
        late: requests at the beginning that one side made and the other did not.
        same, compared: how many of those after that are the same, in the same order.
        good: whether that is all of them, or nearly all and the others a part apart, of a player whose reloads are a
            beat: what one finds that falls on the publication of a part is chance. One side may go on a little longer.
        median_seconds, p95_seconds: of the differences in time, once both have joined.
    """

    counts: tuple[int, int]
    late: int
    same: int
    compared: int
    good: bool
    median_seconds: float
    p95_seconds: float

    def cells(self) -> list[str]:
        """For the table."""
        counts = f"{self.counts[0]} / {self.counts[1]}"
        times = (f"{seconds * 1e3:.0f} ms" for seconds in (self.median_seconds, self.p95_seconds))
        return [counts, f"{self.same} of {self.compared}", *times]


def parts_apart(one: str, other: str) -> int | None:
    """How many parts lie between what two reloads ask for; None: they differ in more than that."""
    if one == other:
        return 0
    first, second = _PART.search(one), _PART.search(other)
    if first is None or second is None or _PART.sub("", one) != _PART.sub("", other):
        return None
    number, wanted = (_PER_SEGMENT * int(found[1]) + int(found[2]) for found in (first, second))
    return abs(number - wanted)


def compare(real: list[tuple[float, str]], ours: list[tuple[float, str]], *, beats: bool = False) -> Requests:
    """Object by object, in order.

    Args:
        beats: the reloads of the player are a beat. Which of the parts that do not come true it asks for is left out
            then, for that depends on when it looks.
    """
    theirs, mine = real, ours
    if beats:
        theirs, mine = (tries_as_one(ordered([one for one in each if "lost" not in one[1]])) for each in (real, ours))
    theirs, mine, late = aligned(theirs, mine)
    pairs = list(zip(theirs, mine, strict=False))
    times = sorted(abs(a - b) for (a, _), (b, _) in pairs if min(a, b) >= _JOINED_SECONDS) or [0.0]
    apart = [parts_apart(a, b) for (_, a), (_, b) in pairs]
    same = sum(each == 0 for each in apart)
    near = same == len(pairs)
    if beats:
        near = all(each is not None and each <= 1 for each in apart) and same >= _BEATS_SAME * len(pairs)
    p95 = times[min(len(times) - 1, int(0.95 * len(times)))]
    good = bool(pairs) and near and abs(len(theirs) - len(mine)) <= 1 and p95 <= TIME_SECONDS
    good = good and (not beats or abs(len(real) - len(ours)) <= _TRIES_APART * len(real) + late)
    return Requests((len(real), len(ours)), late, same, len(pairs), good, median(times), p95)


def latencies(player: str, scenario: Scenario, real: Played, ours: Played) -> tuple[list[str], bool]:
    """Latencies for the table, and whether they are near: before anything goes wrong, and at the end.

    Left out is what is the machine's or chance, and stays in a latency for good: what it took from the choice where to
    begin to the first picture, and how old the edge was by then, of the newest playlist that the player had. What
    remains is how far behind that edge it chose to begin. After a stall both go on when media comes again, and nothing
    is left out.
    """
    calm = min((at for at, _ in scenario.faults), default=scenario.seconds)
    spans = (_JOINED_SECONDS, calm), (scenario.seconds - _LAST_SECONDS, scenario.seconds)
    shown: list[list[float | None]] = []
    for played in (real, ours):
        before, after = (played.latency(*span) for span in spans)
        grown = None if before is None or after is None else after - before
        shown.append([before, after, grown, *_begun(player, played)])
    stalled = all(values[2] is not None and values[2] > _STALL_SECONDS for values in shown)
    for values in shown:
        before, after, _, edge, picture = values
        if before is None or after is None or edge is None or picture is None:
            values[:2] = None, None
        else:
            values[:2] = before - edge - picture, after - (0.0 if stalled else edge + picture)
    pairs = list(zip(*shown, strict=True))
    near = all(a is not None and b is not None and abs(a - b) <= LATENCY_SECONDS for a, b in pairs[:2])
    return [f"{_shown(theirs)} / {_shown(mine)}" for theirs, mine in pairs], near


def _begun(player: str, played: Played) -> tuple[float | None, float | None]:
    """How old the edge was when a player chose where to begin, and what it took from there to the first picture.

    hls.js chooses when it asks for the first media, by the newest playlist that it has. Shaka chooses by its first
    playlist, and asks for what it plays at once; what it looks into before is not that.
    """
    media = [one for each in played.media.values() for one in (_parts(each) if player == "shaka" else each)]
    if played.started is None or not media:
        return None, None
    chosen_at = min(at for at, _ in media)
    age = _age_of_first(played)
    if player != "shaka":
        known = [at for at, _ in played.reloads.get("video-540p", [])[2:] if at <= chosen_at]
        age = chosen_at - known[-1] if known else chosen_at + age  # the third goes out when the second has come
    return age, played.started - chosen_at


def _age_of_first(played: Played) -> float:
    """How old the edge of the first playlist was when it was asked for, by what is asked for next."""
    for _, name in played.reloads.get("video-540p", []):
        wanted = _PART.search(name)
        if wanted is not None:
            return played.phase - SEGMENT_SECONDS * int(wanted[1]) - _PART_STARTS[int(wanted[2])]
    return 0.0


async def run_one(player: str, scenario: Scenario) -> tuple[Played, Played]:
    """The real one, then ours."""
    real = await observe(player, scenario, None)
    # Shaka's reloads are a beat, and what each of them finds depends on when that began: when it did in the browser. By
    # those from which on times are compared: before, a browser that begins to play is late for them, the later ones
    # come the sooner for it, and the beat is another one until both have passed.
    calm = min((at for at, _ in scenario.faults), default=scenario.seconds)
    reloads = enumerate(real.reloads.get("video-540p", []))
    beat = [at - nth * PART_TARGET_SECONDS for nth, (at, _) in reloads if _JOINED_SECONDS <= at < calm][:_BEATS]
    ready_seconds = max(0.0, median(beat)) if beat else 0.0
    return real, await observe(player, scenario, real.phase, ready_seconds)


async def main(names: list[str]) -> int:
    """Play all scenarios and print the table; the number of rows out of tolerance."""
    players = [player for player in REAL if player in names] or list(REAL)
    parts = [name for name in names if name not in REAL]
    wanted = [scenario for scenario in SCENARIOS if not parts or any(name in scenario.name for name in parts)]
    head = "stream, player, track, late by, reloads, same, median, P95, media, same, median, P95"
    head += ", latency, at the end, grown by, edge, first picture, in tolerance"
    print(f"| {head.replace(', ', ' | ')} |")
    print("|---" * len(head.split(", ")) + "|")
    bad = 0
    for player in players:
        for scenario in (each for each in wanted if player in each.players):
            real, ours = await run_one(player, scenario)
            cells, near = latencies(player, scenario, real, ours)
            for error in real.errors:
                print(f"    {player} says {error}", file=sys.stderr)
            for track in sorted(real.media) or ["-"]:
                # The first reload has no directives, wherever the playlist is.
                beats = player == "shaka"
                reloads = compare(real.reloads.get(track, [])[1:], ours.reloads.get(track, [])[1:], beats=beats)
                media = compare(_parts(real.media.get(track, [])), _parts(ours.media.get(track, [])), beats=beats)
                good = near and reloads.good and media.good
                bad += not good
                row = [scenario.name, player, track, str(max(reloads.late, media.late))]
                row += [*reloads.cells(), *media.cells(), *cells, "yes" if good else "NO"]
                print(f"| {' | '.join(row)} |", flush=True)
                if not good:
                    _say(track, real, ours)
    return bad


def _say(track: str, real: Played, ours: Played) -> None:
    for which in ("reloads", "media"):
        for title, played in (("real", real), ("ours", ours)):
            listed = getattr(played, which).get(track, [])
            print(f"    {title:7}", " ".join(f"{at:.2f}:{name}" for at, name in listed[:90]), file=sys.stderr)


def _parts(media: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """From the first part on: before that Shaka looks into segments from the middle to learn what is in them."""
    found = [each for each in media if each[1] != "init.mp4"]
    return list(dropwhile(lambda each: _WHOLE.fullmatch(each[1]) is not None, found))


def _shown(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f} s"


if __name__ == "__main__":
    sys.exit(min(1, uvloop.run(main(sys.argv[1:]))))
