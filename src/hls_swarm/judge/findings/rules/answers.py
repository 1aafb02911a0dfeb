"""What playlists, answers and media say is wrong: mostly the cause itself."""

from hls_swarm.judge.findings.measures import (
    difference_of,
    errors_of,
    median_of,
    per_viewer,
    places_of,
    rise_of,
    share_of,
    share_of_errors,
    share_of_rest,
)
from hls_swarm.judge.findings.rule import Rule, at_least, at_most, fallen
from hls_swarm.records import ASKED_OF_THE_ORIGIN, FailureKind, ObjectKind
from hls_swarm.snapshot.finding import Culprit, Severity, Standing
from hls_swarm.snapshot.origin.metrics import Unit

_LATELY = 10.0
_PLAYLISTS = (ObjectKind.MULTIVARIANT_PLAYLIST, ObjectKind.MEDIA_PLAYLIST)
_MEDIA = (ObjectKind.SEGMENT, ObjectKind.PART, ObjectKind.INIT, ObjectKind.KEY)
_NO_ANSWERS = (FailureKind.MALFORMED, FailureKind.REDIRECT, FailureKind.RANGE)
_LOST = (FailureKind.CONNECTION_LOST, FailureKind.CONNECT, FailureKind.CONNECT_TIMEOUT)
_LATE = (FailureKind.FIRST_BYTE_TIMEOUT, FailureKind.NO_PROGRESS_TIMEOUT, FailureKind.TOTAL_TIMEOUT)
_LEAPS_OVER = 12.0
"""Longer than caches keep playlists that hurt anybody who has a window of some segments."""
_LEAST_ERRORS = 3
"""Failures lately that one kind must have: fewer are told by the errors themselves."""
_LEAST_SHARE = 0.01

LIVE = (
    Rule(
        name="stale-playlists",
        standing=Standing.CAUSE,
        culprit=Culprit.LIVE_SOURCE,
        severity=Severity.WARNING,
        what="live playlists do not go on: {0} of the loads in 5 s brought nothing new",
        next_step="look at the encoder and the packager: do they run, can they write (disk space, rights)? "
        "Does a cache keep playlists?",
        conditions=(
            at_least(share_of("unchanged_playlists", "media_playlist_requests", 5.0), 0.95, 0.8),
            at_least(per_viewer("stale_playlists", _LATELY), 0.05, 0.0),
        ),
    ),
    Rule(
        name="cached-playlists",
        standing=Standing.CAUSE,
        culprit=Culprit.PATH,
        severity=Severity.WARNING,
        what="live playlists stand still and then leap: {0} of the changes bring three segments or more at once",
        next_step="a cache keeps them too long (a CDN's TTL, proxy_cache_valid): half a target duration at most; "
        "compare with the origin's own playlist",
        conditions=(
            at_least(
                share_of_rest("leaping_playlists", "media_playlist_requests", "unchanged_playlists", _LEAPS_OVER),
                0.8,
                0.5,
            ),
            at_least(per_viewer("leaping_playlists", _LEAPS_OVER), 0.5, 0.2),
        ),
        for_seconds=5.0,  # a packager that caught up leaps once, and then goes on segment by segment
        clear_seconds=10.0,
        explains=("stale-playlists",),
    ),
    Rule(
        name="older-playlists",
        standing=Standing.CAUSE,
        culprit=Culprit.PATH,
        severity=Severity.NOTE,
        what="reloads bring older copies of the playlist: {0} of them, {1} in 10 s",
        next_step="caches or servers of different age behind one address: let viewers stay with one, or keep "
        "playlists for less",
        conditions=(
            at_least(share_of("older_playlists", "media_playlist_requests", _LATELY), _LEAST_SHARE, _LEAST_SHARE / 2),
            at_least(rise_of("older_playlists", _LATELY), 3, 1),
        ),
    ),
    Rule(
        name="dates-jump",
        standing=Standing.REMARK,
        culprit=Culprit.LIVE_SOURCE,
        severity=Severity.NOTE,
        what="{0} reloads in 10 s dated segments otherwise than before",
        next_step="the packager's clock was set, or two packagers with different clocks are behind one address",
        conditions=(at_least(rise_of("date_jumps", _LATELY), 1),),
        clear_seconds=10.0,
    ),
    Rule(
        name="dates-ahead",
        standing=Standing.REMARK,
        culprit=Culprit.LIVE_SOURCE,
        severity=Severity.NOTE,
        what="segments are dated after the time at which they are played: live latency {0}",
        next_step="set the packager's clock (NTP, its time zone), or this machine's: EXT-X-PROGRAM-DATE-TIME is ahead",
        conditions=(at_most(median_of("live_latency_seconds_p50", Unit.SECONDS, _LATELY), -1.0, -0.5),),
        for_seconds=3.0,
        clear_seconds=10.0,
    ),
    Rule(
        name="dates-behind",
        standing=Standing.REMARK,
        culprit=Culprit.LIVE_SOURCE,
        severity=Severity.NOTE,
        what="segments are dated {0} before they can be loaded",
        next_step="set the packager's clock (NTP, its time zone), or this machine's; a stream that is delayed on "
        "purpose is dated so too",
        conditions=(
            at_least(
                difference_of("live_latency_seconds_p50", "edge_latency_seconds_p50", Unit.SECONDS, _LATELY), 30.0, 25.0
            ),
        ),
        for_seconds=3.0,
        clear_seconds=10.0,
    ),
    Rule(
        name="sequence-reset",
        standing=Standing.CAUSE,
        culprit=Culprit.LIVE_SOURCE,
        severity=Severity.NOTE,
        what="{0} playlists began their numbering anew in 10 s",
        next_step="the packager was started again: let it go on from its last media sequence number",
        conditions=(at_least(rise_of("sequence_resets", _LATELY), 1),),
    ),
    Rule(
        name="mutated-segments",
        standing=Standing.CAUSE,
        culprit=Culprit.PLAYLIST,
        severity=Severity.WARNING,
        what="{0} segments of playlists got another address in 10 s, which RFC 8216 6.2.1 forbids",
        next_step="two packagers behind one address, or caches of different age: one of them must win",
        conditions=(at_least(rise_of("mutated_segments", _LATELY), 1),),
    ),
    Rule(
        name="gaps",
        standing=Standing.CAUSE,
        culprit=Culprit.LIVE_SOURCE,
        severity=Severity.WARNING,
        what="{0} segments in 10 s are marked as missing (EXT-X-GAP)",
        next_step="look at the encoder: it had nothing to package",
        conditions=(at_least(rise_of("gap_segments", _LATELY), 1),),
    ),
    Rule(
        name="bad-playlists",
        standing=Standing.CAUSE,
        culprit=Culprit.PLAYLIST,
        severity=Severity.WARNING,
        what="{0} of the last requests brought playlists that no player can read",
        next_step="see the errors for what is wrong with them: written while they were read, or an error page",
        conditions=(
            at_least(
                share_of_errors(_PLAYLISTS, (FailureKind.BAD_PLAYLIST, FailureKind.EMPTY_PLAYLIST), seconds=_LATELY),
                0.005,
            ),
        ),
    ),
)


def _failing(
    name: str,
    objects: tuple[ObjectKind, ...],
    kinds: tuple[FailureKind, ...],
    statuses: tuple[int, ...],
    standing: Standing,
    culprit: Culprit,
    what: str,
    next_step: str,
) -> Rule:
    """One kind of failure takes so much of the requests that viewers feel it."""
    share = share_of_errors(objects, kinds, statuses, seconds=_LATELY)
    return Rule(
        name=name,
        standing=standing,
        culprit=culprit,
        severity=Severity.WARNING,
        what=what,
        next_step=next_step,
        conditions=(
            at_least(share, _LEAST_SHARE, _LEAST_SHARE / 2),
            at_least(errors_of(objects, kinds, statuses, seconds=_LATELY), _LEAST_ERRORS, 1),
        ),
        critical=at_least(share, 0.05),
        is_felt=True,
    )


_STATUS = (FailureKind.HTTP_STATUS,)
_EVERY = ASKED_OF_THE_ORIGIN

ANSWERS = (
    _failing(
        "missing-segments",
        _MEDIA,
        _STATUS,
        (404, 410),
        Standing.CAUSE,
        Culprit.PLAYLIST,
        "segments that playlists list are not there: {1} answers 404 or 410 in 10 s, {0} of the requests",
        "playlists ahead of their segments, segments deleted too early, or a cache or host that lacks some",
    ),
    _failing(
        "missing-playlists",
        _PLAYLISTS,
        _STATUS,
        (404, 410),
        Standing.CAUSE,
        Culprit.ORIGIN,
        "playlists are not there: {1} answers 404 or 410 in 10 s, {0} of the requests",
        "is the stream published under this name, does the packager write where the server reads?",
    ),
    _failing(
        "refused",
        _EVERY,
        _STATUS,
        (429, 503),
        Standing.CAUSE,
        Culprit.ORIGIN,
        "requests are refused: {1} answers 503 or 429 in 10 s, {0} of the requests",
        "a limit of rate or connections (limit_req, limit_conn, a CDN's): raise it, or this is the capacity",
    ),
    _failing(
        "server-errors",
        _EVERY,
        _STATUS,
        (500, 501, 502, 504, 505, 508, 520, 521, 522, 523, 524, 525, 526, 527),
        Standing.CAUSE,
        Culprit.ORIGIN,
        "the server fails: {1} answers 500, 502, 504 or the like in 10 s, {0} of the requests",
        "its error log: 502, 504 and 520 to 527 are what stands behind it, 500 often a full disk or no descriptors",
    ),
    _failing(
        "forbidden",
        _EVERY,
        _STATUS,
        (401, 403),
        Standing.CAUSE,
        Culprit.ORIGIN,
        "access is denied: {1} answers 401 or 403 in 10 s, {0} of the requests",
        "tokens: when they end, what they are bound to; rights of the files that the packager writes",
    ),
    _failing(
        "cors",
        _EVERY,
        (FailureKind.CORS,),
        (),
        Standing.CAUSE,
        Culprit.ORIGIN,
        "browsers keep answers from the player (CORS): {1} in 10 s, {0} of the requests",
        "see the errors for the field that is missing or wrong; errors and redirects need it too, OPTIONS an answer",
    ),
    _failing(
        "rejected",
        _EVERY,
        _STATUS,
        (400, 405, 406, 408, 409, 411, 412, 413, 414, 415, 416, 418, 421, 422, 423, 425, 426, 428, 431, 451),
        Standing.CAUSE,
        Culprit.ORIGIN,
        "requests are rejected: {1} answers 400 to 451 that say what is wrong with them in 10 s, {0} of the requests",
        "see the errors for the status: what a firewall, a filter or the server takes amiss (fields, ranges, country)",
    ),
    _failing(
        "unknown-names",
        _EVERY,
        (FailureKind.DNS,),
        (),
        Standing.CAUSE,
        Culprit.PATH,
        "names of hosts can not be resolved: {1} times in 10 s, {0} of the requests",
        "the name server: does it know the name, does it bear as many questions? --resolve goes around it",
    ),
    _failing(
        "tls-failures",
        _EVERY,
        (FailureKind.TLS,),
        (),
        Standing.CAUSE,
        Culprit.ORIGIN,
        "TLS handshakes fail: {1} in 10 s, {0} of the requests",
        "see the errors for the alert: a certificate that ended or is another host's, versions, a server out of time",
    ),
    _failing(
        "bad-answers",
        _EVERY,
        _NO_ANSWERS,
        (),
        Standing.CAUSE,
        Culprit.ORIGIN,
        "answers are not what was asked for: {1} in 10 s are no HTTP, redirects to nowhere, other ranges, {0} of all",
        "see the errors: another protocol on that port, a loop of redirects, a cache that gives whole files for ranges",
    ),
    _failing(
        "cut-answers",
        _EVERY,
        (FailureKind.TRUNCATED,),
        (),
        Standing.CAUSE,
        Culprit.ORIGIN,
        "answers end before their declared length: {1} in 10 s, {0} of the requests",
        "the server's error log: a file that shrank while it was sent, a worker that died, a proxy in between",
    ),
    _failing(
        "lost-connections",
        _EVERY,
        _LOST,
        (),
        Standing.LIMIT,
        Culprit.ORIGIN,
        "connections are refused or lost: {1} in 10 s, {0} of the requests",
        "does the server run, has it room (worker_connections, backlog), does a firewall or balancer drop some?",
    ),
    _failing(
        "timeouts",
        _EVERY,
        _LATE,
        (),
        Standing.LIMIT,
        Culprit.ORIGIN,
        "answers do not come in the time that players wait: {1} in 10 s, {0} of the requests",
        "compare with the origin's own request times: slow there, or lost on the way?",
    ),
)

MEDIA = (
    _failing(
        "empty-media",
        _MEDIA,
        (FailureKind.EMPTY_MEDIA, FailureKind.SHORT_MEDIA),
        (),
        Standing.CAUSE,
        Culprit.ORIGIN,
        "segments are empty, or as good as: {1} in 10 s, {0} of the requests",
        "look at the files: a full disk, a packager without input, a cache that answers 200 with nothing",
    ),
    _failing(
        "cut-media",
        _MEDIA,
        (FailureKind.CUT_MEDIA,),
        (),
        Standing.CAUSE,
        Culprit.LIVE_SOURCE,
        "segments are cut short: {1} in 10 s, {0} of the requests, end within a packet",
        "is the packager's disk full? Are files announced before they are written? Play one of them",
    ),
    _failing(
        "wrong-media",
        _MEDIA,
        (FailureKind.NOT_MEDIA,),
        (),
        Standing.CAUSE,
        Culprit.ORIGIN,
        "what should be segments is no media: {1} answers in 10 s, {0} of the requests",
        "an error page with status 200, a login page, another file of that name: fetch the URL of the error",
    ),
    Rule(
        name="wrong-types",
        standing=Standing.REMARK,
        culprit=Culprit.ORIGIN,
        severity=Severity.NOTE,
        what="answers have a Content-Type that is not theirs: {0} in 10 s ({where})",
        next_step="set the types of .m3u8, .ts, .m4s and .mp4 in the server: televisions refuse others, and proxies "
        "compress text",
        conditions=(at_least(rise_of("mistyped", _LATELY), 1),),
        clear_seconds=10.0,
        places=places_of("mistyped_total"),
    ),
    _failing(
        "bad-keys",
        (ObjectKind.KEY,),
        (FailureKind.BAD_KEY,),
        (),
        Standing.CAUSE,
        Culprit.ORIGIN,
        "keys have not the size that their method wants: {1} in 10 s, {0} of the requests",
        "look at what the key server answers: text instead of 16 bytes, an error page with status 200",
    ),
    Rule(
        name="short-media",
        standing=Standing.CAUSE,
        culprit=Culprit.LIVE_SOURCE,
        severity=Severity.WARNING,
        what="segments are shorter than before: {0} of the bytes that their bitrate says",
        next_step="is the packager's disk full, is its input cut? Play one of the files; a quiet picture is small too",
        conditions=(fallen(median_of("media_bytes_ratio", Unit.RATIO, _LATELY), 0.7, 0.8),),
        for_seconds=3.0,
    ),
)
