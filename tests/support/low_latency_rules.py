"""What the specification demands of a low-latency origin, looked at from outside: playlist texts in, broken rules out.

It shares no code with the program: neither its parser nor its server. Against a running origin:

    python -m tests.support.low_latency_rules http://127.0.0.1:17080/ll/video-540p/playlist.m3u8 [SECONDS]
"""

import itertools
import math
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

SLACK = 2e-5  # texts have five decimals


@dataclass
class Listed:
    """One playlist as text says it."""

    text: str
    target: int = 0
    part_target: float = 0.0
    control: dict[str, str] = field(default_factory=dict)
    sequence: int = 0
    skipped: int = 0
    version: int = 1
    hint: str | None = None
    map_hint: str | None = None
    reports: dict[str, tuple[int, int]] = field(default_factory=dict)
    dateranges: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    segments: list[dict[str, Any]] = field(default_factory=list)
    open: dict[str, Any] = field(default_factory=dict)

    @property
    def last(self) -> int:
        return self.sequence + self.skipped + len(self.segments) - 1

    @property
    def open_parts(self) -> list[tuple[float, str, bool]]:
        parts: list[tuple[float, str, bool]] = self.open.get("parts", [])
        return parts


def attributes(text: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in re.findall(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)', text)}


def read(text: str) -> Listed:
    lines = text.splitlines()
    assert lines[0] == "#EXTM3U"
    found = Listed(text)
    segment: dict[str, Any] = {"parts": []}
    for line in lines[1:]:
        tag, _, value = line.partition(":")
        match tag:
            case "#EXT-X-TARGETDURATION":
                found.target = int(value)
            case "#EXT-X-PART-INF":
                found.part_target = float(attributes(value)["PART-TARGET"])
            case "#EXT-X-SERVER-CONTROL":
                found.control = attributes(value)
            case "#EXT-X-MEDIA-SEQUENCE":
                found.sequence = int(value)
            case "#EXT-X-SKIP":
                found.skipped = int(attributes(value)["SKIPPED-SEGMENTS"])
                found.removed = [n for n in attributes(value).get("RECENTLY-REMOVED-DATERANGES", "").split("\t") if n]
            case "#EXT-X-VERSION":
                found.version = int(value)
            case "#EXT-X-MAP":
                segment["map"] = attributes(value)["URI"]
            case "#EXT-X-PART":
                part = attributes(value)
                segment["parts"].append((float(part["DURATION"]), part["URI"], part.get("INDEPENDENT") == "YES"))
            case "#EXT-X-PROGRAM-DATE-TIME":
                segment["date"] = datetime.fromisoformat(value).timestamp()
            case "#EXTINF":
                segment["duration"] = float(value.split(",")[0])
            case "#EXT-X-PRELOAD-HINT":
                hint = attributes(value)
                assert (found.hint if hint["TYPE"] == "PART" else found.map_hint) is None, "4.4.5.3: two of a type"
                if hint["TYPE"] == "PART":
                    found.hint = hint["URI"]
                else:
                    assert hint["TYPE"] == "MAP", "4.4.5.3: a hint of an unknown type"
                    found.map_hint = hint["URI"]
            case "#EXT-X-RENDITION-REPORT":
                report = attributes(value)
                found.reports[report["URI"]] = int(report["LAST-MSN"]), int(report["LAST-PART"])
            case "#EXT-X-DATERANGE":
                found.dateranges.append(attributes(value)["ID"])
            case _ if not line.startswith("#"):
                segment["uri"] = line
                found.segments.append(segment)
                segment = {"parts": []}
    found.open = segment
    return found


def broken_by_one(listed: Listed) -> list[str]:
    """Rules that one full playlist or delta breaks by itself."""
    wrong = []

    def rule(holds: bool, words: str) -> None:
        if not holds:
            wrong.append(words)

    control, parts_of = listed.control, [*listed.segments, listed.open]
    rule(control.get("CAN-BLOCK-RELOAD") == "YES", "4.4.3.8: CAN-BLOCK-RELOAD is needed for parts")
    rule(float(control["PART-HOLD-BACK"]) >= 3 * listed.part_target - SLACK, "4.4.3.8: PART-HOLD-BACK under 3 parts")
    rule(float(control["HOLD-BACK"]) >= 3 * listed.target, "4.4.3.8: HOLD-BACK under 3 target durations")
    rule(float(control["CAN-SKIP-UNTIL"]) >= 6 * listed.target, "4.4.3.8: CAN-SKIP-UNTIL under 6 target durations")
    rule(bool(listed.skipped) or "map" in listed.segments[0], "4.4.4.5: the first segment has no EXT-X-MAP")
    rule(listed.version >= (10 if listed.removed else 9 if listed.skipped else 6), "8: the version is too low")
    rule(listed.hint is not None, "6.2.6: nothing is hinted at")
    distance = sum(part[0] for part in listed.open_parts)
    for segment in reversed(listed.segments):
        parts, duration = segment["parts"], segment["duration"]
        rule(round(duration) <= listed.target, "4.4.4.1: a segment is longer than the target duration")
        rule("date" in segment, "B: a segment has no date")
        if distance < 3 * listed.target - SLACK:
            rule(bool(parts), "6.2.2: no parts within 3 target durations of the end")
        if parts:
            rule(abs(sum(p[0] for p in parts) - duration) < 1e-3, "4.4.4.9: parts are not as long as their segment")
        distance += duration
    for segment in parts_of:
        for index, (duration, uri, _) in enumerate(segment["parts"]):
            last = index == len(segment["parts"]) - 1 and segment is not listed.open
            rule(duration <= listed.part_target + SLACK, f"4.4.3.7: {uri} is longer than PART-TARGET")
            rule(last or duration >= 0.85 * listed.part_target, f"4.4.4.9: {uri} is under 85% of PART-TARGET")
        rule(not segment["parts"] or segment["parts"][0][2], "a segment does not begin with an independent part")
    if listed.skipped:
        kept = sum(segment["duration"] for segment in listed.segments) + sum(part[0] for part in listed.open_parts)
        until = float(control["CAN-SKIP-UNTIL"])
        rule(kept >= until - SLACK, "6.2.5.1: segments within the skip boundary are left out")
    return wrong


def map_of(listed: Listed, sequence: int) -> str | None:
    """The init section in force at a segment, or at the open one behind the last, of a full playlist."""
    found = None
    for segment in [*listed.segments, listed.open][: sequence - listed.sequence + 1]:
        found = segment.get("map", found)
    return found


def broken_by_step(held: Listed, new: Listed) -> list[str]:
    """Rules that a full playlist breaks as the successor of another one."""
    wrong = []

    def rule(holds: bool, words: str) -> None:
        if not holds:
            wrong.append(words)

    rule(new.sequence >= held.sequence, "6.2.2: the media sequence number went back")
    for sequence in range(max(held.sequence, new.sequence), held.last + 1):
        before, after = held.segments[sequence - held.sequence], new.segments[sequence - new.sequence]
        same = all(before[key] == after[key] for key in ("uri", "duration", "date"))
        rule(same and map_of(held, sequence) == map_of(new, sequence), f"6.2.1: segment {sequence} changed")
    after = new.segments[held.last + 1 - new.sequence] if new.last > held.last else new.open
    count = len(held.open_parts)
    if after.get("parts") and not count:
        wanted = held.map_hint or map_of(held, held.last)
        rule(map_of(new, held.last + 1) == wanted, f"6.2.6: {wanted} was to be the EXT-X-MAP of {held.last + 1}")
    rule(after.get("parts", [])[:count] == held.open_parts, "6.2.2: parts of the open segment changed")
    more = after.get("parts", [])[count:]
    if more:
        rule(more[0][1] == held.hint, f"6.2.6: hinted at {held.hint}, published {more[0][1]}")
    elif new.last > held.last:
        following = new.segments[held.last + 2 - new.sequence] if new.last > held.last + 1 else new.open
        if following.get("parts"):
            rule(following["parts"][0][1] == held.hint, "6.2.6: the hint did not come true")
    return wrong


def broken_by_delta(held: Listed, delta: Listed, full: Listed) -> list[str]:
    """Rules that a delta breaks beside the full playlist of the same state, and an older one that was held."""
    wrong = []
    kept = [segment["uri"] for segment in full.segments]
    skipped = kept[: delta.skipped]
    if delta.skipped and skipped + [segment["uri"] for segment in delta.segments] != kept:
        wrong.append("4.4.5.2: skipped and listed segments are not the full playlist")
    if delta.open != full.open:
        wrong.append("4.4.5.2: a delta ends otherwise than the full playlist")
    merged = [name for name in held.dateranges if name not in delta.removed]
    merged += [name for name in delta.dateranges if name not in merged]
    if delta.skipped and sorted(merged) != sorted(full.dateranges):
        wrong.append(f"4.4.5.2: date ranges are {sorted(merged)}, not {sorted(full.dateranges)}")
    return wrong


def broken_by_reports(before: dict[str, Listed], listed: Listed, after: dict[str, Listed]) -> list[str]:
    """Rules that rendition reports break, by the other playlists before and after the one that has them (4.4.5.4)."""
    wrong = [] if set(listed.reports) == set(before) else [f"4.4.5.4: there are reports of {sorted(listed.reports)}"]
    for uri, (sequence, part) in listed.reports.items():
        first, last = newest_part(before[uri]), newest_part(after[uri])
        if not first <= (sequence, part) <= last:
            wrong.append(f"4.4.5.4: {uri} is reported at {sequence}.{part}, and was from {first} to {last}")
    return wrong


def newest_part(listed: Listed) -> tuple[int, int]:
    if listed.open_parts:
        return listed.last + 1, len(listed.open_parts) - 1
    return listed.last, len(listed.segments[-1]["parts"]) - 1


def broken_by_refusals(url: str, fetch: "Fetch") -> list[str]:
    """Requests that are refused or held against the rules, of those that mean nothing or ask for too much (6.2.5.2)."""
    nonsense = ("_HLS_part=1", "_HLS_msn=x", "_HLS_msn=-1", "_HLS_msn=1&_HLS_part=y")
    answered = {query: fetch(f"{url}?{query}")[0] for query in nonsense}
    wrong = [f"6.2.5.2: {query} gets {status}, not 400" for query, status in answered.items() if status != 400]
    for _ in range(5):
        now = read(fetch(url)[1])
        limit = math.ceil(3 / now.part_target) if now.part_target < 1 else 3
        ahead = (f"_HLS_msn={now.last + 3}", f"_HLS_msn={now.last + 1}&_HLS_part={len(now.open_parts) + limit}")
        statuses = [fetch(f"{url}?{query}")[0] for query in ahead]
        if newest_part(read(fetch(url)[1])) == newest_part(now):  # else it has gone on meanwhile
            wrong += [f"6.2.5.2: {q} gets {s}, not 400" for q, s in zip(ahead, statuses, strict=True) if s != 400]
            break
    return wrong


def fetch(url: str) -> tuple[int, str, float]:
    began = time.monotonic()
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 a URL of the test
            return answer.status, answer.read().decode("latin-1"), time.monotonic() - began
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("latin-1"), time.monotonic() - began


Fetch = Callable[[str], tuple[int, str, float]]
"""Status, text, and how long it took."""


def follow(url: str, seconds: float, fetch: Fetch = fetch) -> list[str]:
    """Rules that a running origin breaks while its playlist is followed for so long."""
    wrong: list[str] = []
    held = read(fetch(url)[1])
    until, waited = time.monotonic() + seconds, []
    while time.monotonic() < until:
        sequence, part = held.last + 1, len(held.open_parts)
        asked = f"?_HLS_msn={sequence}&_HLS_part={part}"
        status, text, wait = fetch(url + asked)
        if status != 200:
            wrong.append(f"6.2.5.2: {status} for {asked}")
            continue
        new = read(text)
        waited.append(wait)
        if new.last < sequence and not (new.last == sequence - 1 and len(new.open_parts) > part):
            wrong.append(f"6.2.5.2: {asked} was answered without that part")
        wrong += broken_by_one(new) + broken_by_step(held, new)
        for hint in (held.hint, new.map_hint):
            if hint is not None and fetch(urljoin(url, hint))[0] != 200:
                wrong.append(f"6.2.6: {hint} was hinted at and is not there")
        held = new
    wrong += broken_by_refusals(url, fetch)
    others = {uri: urljoin(url, uri) for uri in held.reports}
    before = {uri: read(fetch(other)[1]) for uri, other in others.items()}
    listed = read(fetch(url)[1])
    wrong += broken_by_reports(before, listed, {uri: read(fetch(other)[1]) for uri, other in others.items()})
    for skip in ("YES", "v2"):
        delta, full = read(fetch(f"{url}?_HLS_skip={skip}")[1]), read(fetch(url)[1])
        wrong += broken_by_one(delta)
        if newest_part(delta) == newest_part(full):
            wrong += broken_by_delta(full, delta, full)
    print(f"{len(waited)} blocking reloads, longest {max(waited, default=0):.3f} s")
    return wrong


def steps(texts: list[str]) -> list[str]:
    """Rules that a history of full playlists breaks."""
    history = [read(text) for text in texts]
    wrong = [words for listed in history for words in broken_by_one(listed)]
    return wrong + [words for held, new in itertools.pairwise(history) for words in broken_by_step(held, new)]


if __name__ == "__main__":
    found = follow(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 20.0)
    print("\n".join(dict.fromkeys(found)) or "no rule is broken")
    sys.exit(bool(found))
