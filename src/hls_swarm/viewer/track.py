"""One media playlist that a viewer follows: a variant, or a rendition that belongs to it."""

from typing import assert_never

from hls_swarm.hls.playlist import MediaPlaylist, MediaType, MultivariantPlaylist, Rendition, Segment, Variant
from hls_swarm.settings import VariantChoice
from hls_swarm.viewer.actions import FetchSegment


class Track:
    """What a viewer holds and has under way of one media playlist.

    Attributes:
        bitrate_bps: declared BANDWIDTH of the variant; None for renditions and where there is no multivariant playlist.
        playlist: as last loaded, `loaded_at` when, with the answer's Age.
        reload_at: when the next load is due; None while one is in flight, or if none will follow.
        next_sequence: media sequence number of the next segment to load; None before the first playlist.
        skip_seconds: how far into the next segment play begins, after a join.
        credited: media appended since the viewer joined, in seconds.
        end_date: date (Unix seconds) at which the newest credited segment ends, if the playlist has dates.
        in_flight, loading: the media request under way, and the segment that it is for.
        room_at: when a buffer that was full has room for the next segment.
        attempts, playlist_attempts: failed tries in a row.
        skipped: segments given up in a row.
    """

    __slots__ = (
        "age_seconds",
        "attempts",
        "bitrate_bps",
        "credited",
        "end_date",
        "in_flight",
        "init_loaded",
        "key_loaded",
        "loaded_at",
        "loading",
        "next_sequence",
        "playlist",
        "playlist_attempts",
        "playlist_in_flight",
        "reload_at",
        "retry_at",
        "room_at",
        "skip_seconds",
        "skipped",
        "url",
    )

    def __init__(self, url: str, bitrate_bps: int | None) -> None:
        self.url = url
        self.bitrate_bps = bitrate_bps
        self.playlist: MediaPlaylist | None = None
        self.loaded_at = self.age_seconds = 0.0
        self.playlist_in_flight = False
        self.playlist_attempts = 0
        self.reload_at: float | None = None
        self.next_sequence: int | None = None
        self.skip_seconds = 0.0
        self.credited = 0.0
        self.end_date: float | None = None
        self.in_flight: FetchSegment | None = None
        self.loading: Segment | None = None
        self.attempts = 0
        self.retry_at: float | None = None
        self.room_at: float | None = None
        self.skipped = 0
        self.init_loaded: tuple[str, tuple[int, int] | None] | None = None
        self.key_loaded: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the playlist has ended and all of it is loaded."""
        playlist = self.playlist
        return (
            playlist is not None
            and playlist.ended
            and self.next_sequence is not None
            and self.next_sequence >= playlist.next_sequence
        )

    def next_segment(self) -> Segment | None:
        """The segment to load next, if the playlist lists it. Gaps are passed over (8216bis 4.4.4.7)."""
        if self.playlist is None or self.next_sequence is None:
            return None
        segment = self.playlist.segment_of_sequence(self.next_sequence)
        while segment is not None and segment.gap:
            self.next_sequence += 1
            self.skip_seconds = 0.0
            segment = self.playlist.segment_of_sequence(self.next_sequence)
        return segment

    def skip_loading(self) -> None:
        """Give up the segment under way, as a gap."""
        if self.next_sequence is not None:
            self.next_sequence += 1
        self.loading = None
        self.skip_seconds = 0.0
        self.attempts = 0
        self.skipped += 1

    def listed_ahead(self) -> float:
        """Media that the playlist lists and the viewer has not loaded, in seconds."""
        playlist = self.playlist
        if playlist is None or self.next_sequence is None:
            return 0.0
        segment = playlist.segment_of_sequence(max(self.next_sequence, playlist.media_sequence))
        if segment is None:
            return 0.0
        return playlist.edge - segment.start - self.skip_seconds


def select_tracks(playlist: MultivariantPlaylist, choice: VariantChoice) -> list[Track]:
    """The variants that `choice` names, each with its default audio rendition where audio is a playlist of its own.

    Renditions that are not selected are not fetched (8216bis 6.3.2); a playlist that variants share is followed once.
    """
    tracks: dict[str, Track] = {}
    for variant in _chosen(playlist.variants, choice):
        tracks.setdefault(variant.uri, Track(variant.uri, variant.bandwidth))
        audio = _default_rendition(playlist.group(MediaType.AUDIO, variant.audio)) if variant.audio else None
        if audio is not None and audio.uri is not None:
            tracks.setdefault(audio.uri, Track(audio.uri, None))
    return list(tracks.values())


def _chosen(variants: tuple[Variant, ...], choice: VariantChoice) -> tuple[Variant, ...]:
    match choice:
        case "all":
            return variants
        case "first":
            return variants[:1]
        case "highest":
            return (max(variants, key=lambda variant: variant.bandwidth),)
        case "lowest":
            return (min(variants, key=lambda variant: variant.bandwidth),)
        case _:
            assert_never(choice)


def _default_rendition(renditions: tuple[Rendition, ...]) -> Rendition | None:
    """DEFAULT=YES, else AUTOSELECT=YES, else the first."""
    for rendition in renditions:
        if rendition.default:
            return rendition
    for rendition in renditions:
        if rendition.autoselect:
            return rendition
    return renditions[0] if renditions else None
