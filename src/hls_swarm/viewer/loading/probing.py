"""Looking into segments before play, for closed captions that the multivariant playlist says nothing of (Shaka 5.2).

Rules (`hls_parser`, `getBasicInfoFromSegments_`):

- The first playlist of the variant names them: on demand the first segment, live the one in the middle; of fragmented
  MP4 without captions in it two more.
- Nothing else is loaded meanwhile, and a live playlist's reloads count from the end of it. What came is kept for one
  use: where play needs the segment, it is there.
- A media playlist that stands for itself is looked into likewise, one segment of it, for all that it does not say.
"""

from hls_swarm.hls.playlist import MediaPlaylist, MediaType, MultivariantPlaylist, Segment
from hls_swarm.viewer.actions import FetchSegment
from hls_swarm.viewer.loading.requests import SEGMENT, lacks_key, object_fetch
from hls_swarm.viewer.loading.state import Loading
from hls_swarm.viewer.loading.track import Track


class Probe:
    """What is looked into, and what of it is still of use.

    Attributes:
        pending: segments to load, the next one first.
        kept: sequence numbers of segments that are here.
        source_url: the playlist that they are from.
    """

    __slots__ = ("kept", "pending", "source_url")

    def __init__(self, pending: list[Segment], source_url: str) -> None:
        self.pending, self.source_url = pending, source_url
        self.kept: set[int] = set()


def tells_of_captions(playlist: MultivariantPlaylist) -> bool:
    """Whether it says that there are closed captions, or that there are none."""
    named = any(rendition.type is MediaType.CLOSED_CAPTIONS for rendition in playlist.renditions)
    return named or any(variant.no_closed_captions for variant in playlist.variants)


def begin_probe(loading: Loading, track: Track, playlist: MediaPlaylist) -> None:
    """The first playlist of the variant is here."""
    loading.probes = False
    segments = playlist.segments
    last = len(segments) - 1
    first = last // 2 if playlist.is_live else 0
    while first < last and segments[first].gap:
        first += 1
    places = [first]
    if segments[first].init is not None and track.source.name:
        wanted = (last * 3 // 4, last // 4) if playlist.is_live else (last // 2, last)
        for place in wanted:
            left = [each for each in range(len(segments)) if each not in places]
            places += [min(left, key=lambda each: abs(each - place))] if left else []
    loading.probe = Probe([segments[place] for place in places if not segments[place].gap], track.source.url)


def probe_fetch(loading: Loading, probe: Probe, track: Track, index: int, due_at: float) -> FetchSegment:
    """The next segment that is looked into, or the init section or key that it needs."""
    return object_fetch(loading.profile, track, index, probe.pending[0], due_at, loading.total_seconds)


def probe_came(loading: Loading, probe: Probe, track: Track, loaded: FetchSegment, now: float) -> None:
    """Something that was looked into is here, or its key; after the last one, what waited for it goes on."""
    segment = probe.pending[0]
    if loaded.kind is SEGMENT and loading.profile.keys_after_media and lacks_key(track, segment):
        track.keyless = segment
        return
    if loaded.kind is not SEGMENT and track.keyless is None:
        return
    track.keyless = None
    probe.kept.add(probe.pending.pop(0).sequence)
    if probe.pending:
        return
    for each in loading.tracks:
        playlist = each.playlist
        if playlist is not None and playlist.is_live and each.reload_at is not None:
            each.reload_at = each.scheduled_at = each.beat_at = now + playlist.segments[-1].duration


def take_kept(loading: Loading, probe: Probe, track: Track, segment: Segment) -> bool:
    """Credit a segment that was looked into, if it is the next one; False: it is to be loaded."""
    if track.source.url != probe.source_url:
        loading.probe = None
        return False
    if segment.sequence not in probe.kept:
        if all(sequence < segment.sequence for sequence in probe.kept):
            loading.probe = None
        return False
    probe.kept.discard(segment.sequence)
    track.credit(segment)
    return True
