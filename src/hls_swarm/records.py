"""What happened: the frozen records that every other part speaks.

Rules:

- One record per object fetched or change of a viewer's state, never one per chunk of a body.
- Past tense. Instants end in `_at` and are seconds of this machine's monotonic clock (`time.monotonic()` and
  `time.perf_counter()` are the same clock on Linux); durations end in `_seconds`, sizes in `_bytes`.
- What is not known is `None`, never 0.
- A failure is data, and carries blame: the origin did it, or the generator did.

Records are `msgspec.Struct`s: frozen, cheap to make (a tenth of a frozen dataclass), and ready to cross a pipe.
"""

from enum import StrEnum

import msgspec


class ObjectKind(StrEnum):
    """What a viewer fetches; the keys of `requests` and `body_bytes` in every output."""

    MULTIVARIANT_PLAYLIST = "multivariant_playlist"
    MEDIA_PLAYLIST = "media_playlist"
    SEGMENT = "segment"
    PART = "part"  # of a segment that is being made (EXT-X-PART)
    INIT = "init"
    KEY = "key"
    PREFLIGHT = "preflight"  # what a browser asks before some requests of a page's script
    STEERING = "steering"  # a steering manifest (8216bis 7)
    CMCD_REPORT = "cmcd_report"  # events told to a collector of the user's, who is not the origin


ASKED_OF_THE_ORIGIN = tuple(kind for kind in ObjectKind if kind is not ObjectKind.CMCD_REPORT)
"""What the origin, or who stands for it, answers."""


BODY_START_BYTES = 400
"""What is looked at of a body that is dropped: enough to tell media from what is none, which takes two TS packets."""


START_SECONDS = 10.0
"""How long a player may take to start, where it has no limit of its own: by then half of the people have left (Krishnan
and Sitaraman, "Video Stream Quality Impacts Viewer Behavior", 2012)."""


class Blame(StrEnum):
    """Whose failure it was."""

    ORIGIN = "origin"
    GENERATOR = "generator"


class FailureKind(StrEnum):
    """What went wrong with one exchange or with what it brought."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    CONNECT_TIMEOUT = "connect_timeout"
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    NO_PROGRESS_TIMEOUT = "no_progress_timeout"
    TOTAL_TIMEOUT = "total_timeout"
    HTTP_STATUS = "http_status"
    CONNECTION_LOST = "connection_lost"  # reset or closed before the head of the answer was complete
    TRUNCATED = "truncated"  # the body ended before its declared length
    MALFORMED = "malformed"  # not HTTP, or a head or body over a limit
    REDIRECT = "redirect"  # too many, without a location, or to a scheme that is not http(s)
    HOST_NOT_ALLOWED = "host_not_allowed"  # the user or this program leaves it out: nothing was sent
    URL_TOO_LONG = "url_too_long"  # longer than any server takes: nothing was sent
    CORS = "cors"  # a browser keeps the answer from the player, whatever it is
    RANGE = "range"  # the answer is not the byte range that was asked for
    BAD_PLAYLIST = "bad_playlist"
    BAD_DELTA = "bad_delta"  # a delta update that does not fit the playlist that was held
    BAD_STEERING = "bad_steering"  # no steering manifest, or of a version that no player knows
    EMPTY_PLAYLIST = "empty_playlist"
    STALE_PLAYLIST = "stale_playlist"  # unchanged for so long that the player gave up
    EMPTY_MEDIA = "empty_media"  # a segment or init section without a body
    NOT_MEDIA = "not_media"  # a page, a playlist, or what begins like no container of media
    SHORT_MEDIA = "short_media"  # far fewer bytes than its duration and its variant need
    CUT_MEDIA = "cut_media"  # ends within a packet or a cipher block, though the answer is whole
    BAD_KEY = "bad_key"  # not of the size that its method has
    NOTHING_TO_PLAY = "nothing_to_play"  # the stream came to its end and nothing of it could be played
    DESCRIPTORS = "descriptors"  # this machine has no file descriptor left
    PORTS = "ports"  # this machine has no local port left
    INTERNAL = "internal"  # an exception in this program: a bug of its own
    PLAYER = "player"  # the player's own process ended, for a reason that is no answer of the origin
    CANCELLED = "cancelled"  # the viewer or the run ended it: nobody's fault


_GENERATOR_KINDS = frozenset({FailureKind.DESCRIPTORS, FailureKind.PORTS, FailureKind.INTERNAL, FailureKind.PLAYER})


class Failure(msgspec.Struct, frozen=True, gc=False):
    """Why an exchange, or what it brought, is of no use to a player.

    Attributes:
        status: HTTP status, with `HTTP_STATUS` only.
        detail: one short phrase for a person, without secrets.
    """

    kind: FailureKind
    detail: str
    status: int | None = None

    @property
    def blame(self) -> Blame:
        """Whose failure this was."""
        return Blame.GENERATOR if self.kind in _GENERATOR_KINDS else Blame.ORIGIN


class Unanswered(msgspec.Struct, frozen=True, gc=False):
    """Requests of one exchange that were put on the wire and brought not one byte of an answer.

    Attributes:
        unsettled: how many of them may be in the origin's log or not: a reset, or giving up, does not tell.
        repeated: how many of them were made up for by another request of the same exchange.
        failure: why the last of those brought nothing; None without any.
    """

    unsettled: int = 0
    repeated: int = 0
    failure: Failure | None = None


class Exchange(msgspec.Struct, frozen=True):
    """One object asked for over HTTP, redirects and a retried stale connection included, and what came of it.

    Attributes:
        url: as asked for, secrets masked.
        final_url: where the answer came from; differs from `url` after a redirect, and is what relative URIs resolve
            against (RFC 8216 4.1).
        due_at: when the request should have gone out, decided before the answer before it arrived. Lateness counts.
        started_at: when the client took it up.
        sent_at: when the last request of it was written whole to the socket.
        first_byte_at: when the first byte of the final answer arrived.
        ended_at: when the last byte arrived, or the failure was known.
        dns_seconds, connect_seconds, tls_seconds: of a connection opened for this exchange; None if one was reused.
        requests_sent: requests put on the wire: 1, more with redirects or a stale connection, 0 if it never came to it.
        status: of the final answer; None if none came.
        head_bytes: bytes of all response heads.
        body_bytes: body bytes as received, before any decompression, of all answers: what the access log says.
        body: the whole decoded body if the request asked to keep it and it is complete; else None.
        age_seconds: the answer's Age header (RFC 9111 5.1): how long caches held it.
        retry_after_seconds: the answer's Retry-After in seconds, if it has one.
        connections_opened: connections opened for it, where that is known without their times; None says that those
            times tell.
        timed: False if `due_at` and `ended_at` are only when one heard of it: no duration or lateness comes from them.
        content_type: the answer's Content-Type, as it came.
        body_start: the first bytes (up to `BODY_START_BYTES`) of a body that was not kept, as received; None if the
            client did not see them: a large body may be dropped before any of it is looked at.
        content_length: of the final answer's body, if it was declared.
        content_encoding: of the final answer, if it has one.
        is_open_ended: only the end of the connection says where the kept body ends (RFC 9112 6.3): it may be cut short.
        unanswered: of `requests_sent`, those that brought nothing at all; None without any.
        unknown_coding: a name in the Content-Encoding of a kept body that is no coding: the body was taken as it came.
    """

    url: str
    final_url: str
    due_at: float
    started_at: float
    ended_at: float
    sent_at: float | None = None
    first_byte_at: float | None = None
    dns_seconds: float | None = None
    connect_seconds: float | None = None
    tls_seconds: float | None = None
    requests_sent: int = 0
    status: int | None = None
    head_bytes: int = 0
    body_bytes: int = 0
    body: bytes | None = None
    age_seconds: float | None = None
    retry_after_seconds: float | None = None
    failure: Failure | None = None
    connections_opened: int | None = None
    timed: bool = True
    content_type: str | None = None
    body_start: bytes | None = None
    content_length: int | None = None
    content_encoding: str | None = None
    is_open_ended: bool = False
    unanswered: Unanswered | None = None
    unknown_coding: str | None = None

    @property
    def ttfb_seconds(self) -> float | None:
        """From the request being sent to the first byte of the answer."""
        if self.first_byte_at is None or self.sent_at is None:
            return None
        return self.first_byte_at - self.sent_at

    @property
    def download_seconds(self) -> float:
        """From the start, connection included, to the last byte."""
        return self.ended_at - self.started_at


class Violation(msgspec.Struct, frozen=True, gc=False):
    """A rule of the draft that a playlist breaks and that players put up with: a finding, not a failure.

    Attributes:
        rule: the section that says so, such as `8216bis 4.4.3.1`.
        line: line number, counted from 1; 0 where the playlist as a whole is meant.
        refused_by: names of players that do not put up with it.
    """

    reason: str
    rule: str
    line: int
    refused_by: tuple[str, ...] = ()


class PlaylistFetched(msgspec.Struct, frozen=True, tag=True):
    """A multivariant or media playlist was asked for; `failure` is the exchange's or the parser's.

    Attributes:
        changed: False if a media playlist listed what it did at the last load; None if that can not be said.
        retry: whether it was asked for before, in vain.
        violations: what it does against the draft.
        blocking: whether the server was to hold it until there was something new (`_HLS_msn`): the wait for its first
            byte is the stream's time, not the server's.
    """

    viewer: int
    kind: ObjectKind
    exchange: Exchange
    failure: Failure | None
    changed: bool | None = None
    retry: bool = False
    violations: tuple[Violation, ...] = ()
    blocking: bool = False


class SegmentFetched(msgspec.Struct, frozen=True, tag=True):
    """A segment, a part of one, an init section or a key was asked for.

    Attributes:
        media_seconds: the declared duration of a segment or part, the part target for one that was asked for before it
            was listed; None for the other kinds.
        bitrate_bps: declared BANDWIDTH of its variant in bit/s, if the multivariant playlist says one.
        retry: whether it was asked for before, in vain.
        abandoned: whether the player gave it up for one of a lower variant: its bytes were sent in vain.
        hinted: whether it was asked for before it was there (EXT-X-PRELOAD-HINT): the wait for its first byte is the
            stream's time, not the server's.
    """

    viewer: int
    kind: ObjectKind
    exchange: Exchange
    failure: Failure | None
    media_seconds: float | None = None
    bitrate_bps: int | None = None
    retry: bool = False
    abandoned: bool = False
    hinted: bool = False


class AsideFetched(msgspec.Struct, frozen=True, tag=True):
    """Something was asked for that is not of the stream itself: what players and browsers ask besides.

    Attributes:
        retry: whether it was asked for before, in vain.
    """

    viewer: int
    kind: ObjectKind
    exchange: Exchange
    failure: Failure | None
    retry: bool = False


class ViewerStarted(msgspec.Struct, frozen=True, tag=True):
    """A viewer asked for its stream; `at` - `due_at` is how late the generator was.

    Attributes:
        profile: name of the player that it behaves like.
        start_seconds: how long its player may take to start; from then on it is due to have played.
    """

    viewer: int
    at: float
    due_at: float
    profile: str = ""
    start_seconds: float = START_SECONDS


class PlaybackStarted(msgspec.Struct, frozen=True, tag=True):
    """The first frame would have been shown: the end of the startup time (CTA-2066)."""

    viewer: int
    at: float
    startup_seconds: float


class StallStarted(msgspec.Struct, frozen=True, tag=True):
    """The buffer ahead of the playhead reached zero while playing."""

    viewer: int
    at: float


class StallEnded(msgspec.Struct, frozen=True, tag=True):
    """Playback went on after a stall."""

    viewer: int
    at: float
    stall_seconds: float


class LatencyObserved(msgspec.Struct, frozen=True, tag=True):
    """Where a live viewer's playhead stood when a changed media playlist arrived.

    Attributes:
        live_seconds: wall clock - EXT-X-PROGRAM-DATE-TIME at the playhead; None without that tag.
        edge_seconds: end of the last listed segment + age of the playlist - playhead (hls.js).
        buffer_seconds: media ahead of the playhead.
    """

    viewer: int
    at: float
    live_seconds: float | None
    edge_seconds: float
    buffer_seconds: float


class SegmentsExpired(msgspec.Struct, frozen=True, tag=True):
    """Segments left the playlist before the viewer fetched them."""

    viewer: int
    at: float
    count: int


class PassReason(StrEnum):
    """Why a viewer went past a segment without playing it."""

    GAP = "gap"  # the playlist says that it is absent (EXT-X-GAP)
    UNAVAILABLE = "unavailable"  # every try failed


class SegmentsPassed(msgspec.Struct, frozen=True, tag=True):
    """Segments were passed over: play goes on behind them."""

    viewer: int
    at: float
    count: int
    reason: PassReason


class SequenceReset(msgspec.Struct, frozen=True, tag=True):
    """A reloaded playlist lay wholly behind the window before, or further ahead than the time that had passed.

    The origin began its numbering anew.
    """

    viewer: int
    at: float


class PlaylistOlder(msgspec.Struct, frozen=True, tag=True):
    """A reload brought an older copy of the playlist, as from a cache that is behind (8216bis 6.2.2)."""

    viewer: int
    at: float
    url: str


class DatesMoved(msgspec.Struct, frozen=True, tag=True):
    """A reload dated a segment otherwise than the load before, so many seconds later: live latencies mean little."""

    viewer: int
    at: float
    url: str
    seconds: float


class PartLoaded(msgspec.Struct, frozen=True, tag=True, gc=False):
    """A part of a segment is here, and listed.

    Attributes:
        age_seconds: wall clock at its arrival - date of its end: since when it could have been there; None without
            EXT-X-PROGRAM-DATE-TIME, and for parts that were there before the viewer joined.
        hinted: whether it was asked for when it was only hinted at.
    """

    viewer: int
    at: float
    age_seconds: float | None
    hinted: bool = False


class EdgeFault(StrEnum):
    """What a server of a low-latency stream did wrong, as a viewer sees it."""

    NOT_HELD = "not_held"  # a blocking reload was answered without what it waited for (8216bis 6.2.5.2)
    LATE = "late"  # the next part came more than two part targets after the one before (8216bis 4.4.3.7)
    UNAVAILABLE = "unavailable"  # 503 for a blocking reload: nothing new for so long
    REFUSED = "refused"  # 400 for a blocking reload
    HINT_LOST = "hint_lost"  # what was hinted at did not come (8216bis 6.2.6)
    DELTA_MISFIT = "delta_misfit"  # a delta update does not fit what was held


class EdgeFaultSeen(msgspec.Struct, frozen=True, tag=True):
    """The server of a low-latency stream did not do what it offers.

    Attributes:
        url: the playlist or part, secrets masked.
    """

    viewer: int
    at: float
    kind: EdgeFault
    url: str


class EdgeOffer(msgspec.Struct, frozen=True, gc=False):
    """What a low-latency media playlist offers.

    Attributes:
        part_target, part_hold_back: seconds.
        can_skip_until: seconds; None: there are no delta updates.
        skips_dateranges: whether deltas leave out date ranges, too (`_HLS_skip=v2`).
        has_hints, has_reports, has_dates: whether it names the next part, how far other playlists are, and dates.
    """

    part_target: float
    part_hold_back: float
    can_skip_until: float | None
    skips_dateranges: bool
    has_hints: bool
    has_reports: bool
    has_dates: bool


class LowLatencyPlayed(msgspec.Struct, frozen=True, tag=True):
    """The viewer plays the stream by parts from here on (8216bis 4.4.3.7)."""

    viewer: int
    at: float
    offer: EdgeOffer


class LowLatencyUnused(msgspec.Struct, frozen=True, tag=True):
    """The stream can be played by parts (8216bis 4.4.3.7), and the viewer plays it by whole segments."""

    viewer: int
    at: float


class SettingUnmet(msgspec.Struct, frozen=True, tag=True):
    """The stream has nothing that a setting asks for; the viewer plays what is nearest.

    Attributes:
        setting: the field of the settings.
        words: what there is instead.
    """

    viewer: int
    at: float
    setting: str
    words: str


class SegmentsMutated(msgspec.Struct, frozen=True, tag=True):
    """Media sequence numbers got another URI, which RFC 8216 6.2.1 forbids."""

    viewer: int
    at: float
    count: int


class PlaylistStale(msgspec.Struct, frozen=True, tag=True):
    """A live playlist did not change for 1.5 target durations or more (8216bis 6.2.1).

    Attributes:
        stale_seconds: how long it was unchanged, once it has changed; None when it was noticed and goes on.
        added: segments that the change brought at its end.
    """

    viewer: int
    at: float
    stale_seconds: float | None
    added: int = 0


class SwitchReason(StrEnum):
    """Why a viewer that adapts went to another variant."""

    START = "start"  # the player's first choice, before any segment
    RATE = "rate"  # by what it measured of its link and what it has buffered
    ABANDONED = "abandoned"  # it gave a segment up that came too slowly
    FAILED = "failed"  # the one before could not be had
    STEERED = "steered"  # a steering server sent it to another pathway


class VariantChosen(msgspec.Struct, frozen=True, tag=True):
    """The viewer plays this variant from here on.

    Attributes:
        label: what tables call it, such as `720p 3000k`.
        bitrate_bps: declared BANDWIDTH.
        failover: whether it took the place of one that failed.
        codecs, width, height, frame_rate: as the multivariant playlist declares them.
        reason: why a viewer that adapts chose it; None: it does not adapt.
    """

    viewer: int
    at: float
    label: str
    bitrate_bps: int | None
    failover: bool = False
    codecs: tuple[str, ...] = ()
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    reason: SwitchReason | None = None


class PathwayReason(StrEnum):
    """Why a viewer plays a pathway."""

    START = "start"  # the playlist names it, or lists it first
    STEERED = "steered"  # the steering server prefers it
    FAILED = "failed"  # the one before could not be had


class PathwayChosen(msgspec.Struct, frozen=True, tag=True):
    """The viewer plays this pathway of a presentation with content steering from here on (8216bis 7)."""

    viewer: int
    at: float
    pathway: str
    reason: PathwayReason


class SeekStarted(msgspec.Struct, frozen=True, tag=True):
    """The viewer went elsewhere in the stream."""

    viewer: int
    at: float


class SeekEnded(msgspec.Struct, frozen=True, tag=True):
    """Playback went on after a seek; `restart_seconds` is the time between (Conviva)."""

    viewer: int
    at: float
    restart_seconds: float


class PauseStarted(msgspec.Struct, frozen=True, tag=True):
    """The viewer paused: until it ends, no time is watched (CTA-2066)."""

    viewer: int
    at: float


class PauseEnded(msgspec.Struct, frozen=True, tag=True):
    """The viewer goes on after a pause."""

    viewer: int
    at: float


class EndReason(StrEnum):
    """Why a viewer stopped."""

    ENDED = "ended"  # played to the end of the stream
    FAILED = "failed"  # a fatal error, as its player would have shown one
    QUIT = "quit"  # the run ended it
    LEFT = "left"  # its own session was over


class PlayerStarted(msgspec.Struct, frozen=True, tag=True):
    """A process that plays for a viewer was started.

    Attributes:
        restart: whether it takes the place of an earlier one of this viewer.
        reason: why that had to be, in words.
    """

    viewer: int
    at: float
    restart: bool = False
    reason: str = ""


class PlayerLogDropped(msgspec.Struct, frozen=True, tag=True):
    """Lines of a player's log were not read, because there were too many: what they said is not counted."""

    viewer: int
    at: float
    lines: int


class ViewerStopped(msgspec.Struct, frozen=True, tag=True):
    """A viewer is gone; nothing of it follows.

    Attributes:
        failure: the fatal one, with `FAILED`.
        played: whether playback ever started.
        url, object: what could not be had, with `FAILED`, if it was something that is asked for.
        stream: which stream of which multivariant playlist that belongs to, such as `variant 1 of master.m3u8`; empty:
            to none.
    """

    viewer: int
    at: float
    reason: EndReason
    played: bool
    failure: Failure | None = None
    url: str | None = None
    object: ObjectKind | None = None
    stream: str = ""


Record = (
    PlaylistFetched
    | SegmentFetched
    | AsideFetched
    | ViewerStarted
    | PlaybackStarted
    | StallStarted
    | StallEnded
    | LatencyObserved
    | SegmentsExpired
    | SegmentsPassed
    | SequenceReset
    | PlaylistOlder
    | DatesMoved
    | LowLatencyUnused
    | LowLatencyPlayed
    | PartLoaded
    | EdgeFaultSeen
    | SettingUnmet
    | SegmentsMutated
    | PlaylistStale
    | VariantChosen
    | PathwayChosen
    | SeekStarted
    | SeekEnded
    | PauseStarted
    | PauseEnded
    | PlayerStarted
    | PlayerLogDropped
    | ViewerStopped
)
