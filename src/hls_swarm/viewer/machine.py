"""One viewer, as a state machine without clock, I/O or randomness: events in, actions out.

Rules:

- `playing` says what the person sees, `loading` what is loaded for it, `session` what the person does; here is what
  they do to each other.
- One timer. `Wait` names the earliest instant at which anything is due: a reload, a retry, room in the buffer, the end
  of the buffer, what the person does next. Instants are computed, not polled, so a stall is dated when it began and not
  when somebody noticed.
- A request is due at an instant that was fixed before the answer before it arrived, where the player fixes it then;
  the shell measures how late it really went out.
"""

from typing import assert_never

from hls_swarm.records import EndReason, Failure, FailureKind, ObjectKind, Record, ViewerStopped
from hls_swarm.settings.spellings import VariantChoice
from hls_swarm.viewer.actions import (
    Action,
    Event,
    FetchFailed,
    Looked,
    PlaylistLoaded,
    Quit,
    Report,
    SegmentLoaded,
    Start,
    SteeringCame,
    Stop,
    TimeReached,
    Wait,
)
from hls_swarm.viewer.loading.changing.levels import looked
from hls_swarm.viewer.loading.changing.steer import steering_came
from hls_swarm.viewer.loading.fatal import Fatal
from hls_swarm.viewer.loading.loader import cancel_all, go_to, load_due, place
from hls_swarm.viewer.loading.media import media_loaded
from hls_swarm.viewer.loading.playlists.following import playlist_loaded
from hls_swarm.viewer.loading.recovery import fetch_failed
from hls_swarm.viewer.loading.state import Loading
from hls_swarm.viewer.playing.playback import EPSILON, IDLE, OVER, PLAYING, WATCHING, Playback, State
from hls_swarm.viewer.profiles import Profile
from hls_swarm.viewer.session import Pause, Person, Seek, Session

__all__ = ["State", "Viewer"]


class Viewer:
    """One viewer of one stream.

    Args:
        number: its number in the run; every record of it carries this.
        url: multivariant or media playlist.
        profile: the player it behaves like.
        variant: which variant to play.
        wall_clock_offset: wall clock (Unix seconds) less monotonic clock, for the live latency.
        total_seconds: a time limit that takes the place of the profile's own ones; None keeps these.
        session: what the person in front of it does.
        link_bps: rate of its own link, if it is known: browsers tell it to their players.
    """

    __slots__ = ("_actions", "_loading", "_person", "_playback", "_session", "_waiting_until", "number", "profile")

    def __init__(
        self,
        number: int,
        url: str,
        profile: Profile,
        variant: VariantChoice,
        wall_clock_offset: float = 0.0,
        total_seconds: float | None = None,
        session: Session | None = None,
        link_bps: float | None = None,
    ) -> None:
        self.number = number
        self.profile = profile
        self._session = session if session is not None else Session()
        self._actions: list[Action] = []
        self._playback = Playback(number, self._report)
        self._loading = Loading(
            number, url, profile, variant, self._session, self._playback, wall_clock_offset, total_seconds, link_bps
        )
        self._person: Person | None = None
        self._waiting_until: float | None = None

    @property
    def state(self) -> State:
        """What the person sees."""
        return self._playback.state

    @property
    def playback(self) -> Playback:
        """For who tells of it; not to be changed."""
        return self._playback

    @property
    def loading(self) -> Loading:
        """For who tells of it; not to be changed."""
        return self._loading

    @property
    def played(self) -> bool:
        """Whether playback ever started."""
        return self._playback.played_ever

    @property
    def bitrate_bps(self) -> int | None:
        """Declared BANDWIDTH of the variant it plays, if known."""
        tracks = self._loading.tracks
        return tracks[0].source.bitrate_bps if tracks else None

    @property
    def stalls(self) -> int:
        """How many stalls began."""
        return self._playback.stalls

    @property
    def last_failure(self) -> Failure | None:
        """The newest failure of a fetch, if there was one."""
        return self._loading.last_failure

    def stalled_seconds(self, now: float) -> float:
        """All stalls, one that goes on included."""
        return self._playback.stalled_seconds(now)

    def buffer_seconds(self, now: float) -> float:
        """Media ahead of the playhead."""
        return self._loading.buffer_seconds(now)

    def handle(self, event: Event, now: float) -> list[Action]:
        """What the viewer does about `event` at the instant `now`; instants never go backwards."""
        playback, loading = self._playback, self._loading
        if playback.state in OVER:
            return []
        self._actions = loading.actions = []
        # Nearly all are of these three; class patterns would take twice as long.
        if isinstance(event, SegmentLoaded):
            media_loaded(loading, event, now)
        elif isinstance(event, PlaylistLoaded):
            playlist_loaded(loading, event, now)
        elif not isinstance(event, TimeReached):
            self._take(event, now)
        self._advance(now)
        return self._actions

    def _take(self, event: Looked | FetchFailed | SteeringCame | Start | Quit, now: float) -> None:
        match event:
            case Looked():
                if self._loading.levels is not None:
                    looked(self._loading, self._loading.levels, event, now)
            case FetchFailed():
                fetch_failed(self._loading, event, now)
            case SteeringCame():
                steering_came(self._loading, event, now)
            case Start():
                self._playback.press_play(now)
                person = Person(self._session, now)
                self._person = person if person.has_plans else None
                self._loading.ask_first_playlist(now)
            case Quit():
                self._stop(State.QUIT, EndReason.QUIT, now)
            case _:
                assert_never(event)

    def _advance(self, now: float) -> None:
        """Do all that is due at `now`, then say until when nothing is."""
        playback, loading, person = self._playback, self._loading, self._person
        # Most of the time it just plays on, and only what is loaded changes.
        empty_at = playback.playhead.reaches(loading.credited) if playback.state is PLAYING else None
        if loading.tracks and (empty_at is None or empty_at <= now + EPSILON):
            empty_at = None
            self._settle(now)
        until = None
        if person is not None and playback.state not in OVER:
            empty_at = None
            until = self._act(person, now)
        if playback.state in OVER:
            return
        load_at = None if loading.fatal is not None else load_due(loading, now)
        if loading.fatal is not None:
            self._stop(State.FAILED, EndReason.FAILED, now, loading.fatal)
            return
        if load_at is not None and (until is None or load_at < until):
            until = load_at
        if playback.state is PLAYING:
            if empty_at is None:
                empty_at = playback.playhead.reaches(loading.credited)
            if empty_at is not None and (until is None or empty_at < until):
                until = empty_at
        if until != self._waiting_until:
            self._waiting_until = until
            self._actions.append(Wait(until))

    def _settle(self, now: float) -> None:
        """Let the buffer decide what the person sees."""
        playback, loading = self._playback, self._loading
        credited = loading.credited
        ended_at = playback.settle(now, credited, loading.complete, loading.start_seconds, loading.resume_seconds)
        if ended_at is None:
            return
        if self._session.loops and playback.played_ever:
            playback.begin_seek(now)
            go_to(loading, 0.0, now)
        elif playback.played_ever:
            self._stop(State.ENDED, EndReason.ENDED, ended_at)
        else:
            track = loading.tracks[0]
            words, last = "the stream ended before there was anything to play", loading.last_failure
            why = Failure(FailureKind.NOTHING_TO_PLAY, words if last is None else f"{words}: {last.detail}")
            loading.fail(why, track.shown_url, ObjectKind.MEDIA_PLAYLIST, track)

    def _act(self, person: Person, now: float) -> float | None:
        """Do what the person wants by now; gives when something is wanted next."""
        playback, loading = self._playback, self._loading
        if person.leave_at is not None and person.leave_at <= now:
            cancel_all(loading)
            self._stop(State.QUIT, EndReason.LEFT, now)
            return None
        if person.resume_at is not None and person.resume_at <= now:
            person.resume_at = None
            playback.unpause(now)
            person.done(now)
            self._settle(now)
        intent_at = person.intent_at
        if intent_at is not None and intent_at <= now and playback.state in WATCHING:
            match person.intent:
                case Pause(seconds=seconds):
                    playback.pause(now)
                    person.resume_at = now + seconds
                case Seek() as seek:
                    if self._seek(seek, now):
                        person.done(now)
                case None:
                    raise AssertionError("an intent that is due is one")
        intent_at = person.intent_at if playback.state in WATCHING else None
        waits = (person.leave_at, person.resume_at, intent_at)
        return min((instant for instant in waits if instant is not None and instant > now), default=None)

    def _seek(self, seek: Seek, now: float) -> bool:
        """Go where the person wants; False while the playlist that says where that is has not come."""
        playback, loading = self._playback, self._loading
        found = place(loading, now)
        if found is None:
            return False
        here, end = found
        there = here + seek.by if seek.by is not None else seek.share * end
        there = min(max(there, 0.0), end)
        playback.begin_seek(now)
        if here <= there < here + loading.buffer_seconds(now):
            playback.playhead.skip(there - here)
            self._settle(now)
        else:
            go_to(loading, there, now)
        return True

    def _report(self, record: Record) -> None:
        self._actions.append(Report(record))

    def _stop(self, state: State, reason: EndReason, now: float, fatal: Fatal | None = None) -> None:
        playback = self._playback
        if playback.state is not IDLE:
            played = playback.played_ever
            if fatal is None:
                self._report(ViewerStopped(self.number, now, reason, played))
            else:
                why = fatal.failure, fatal.url, fatal.object, fatal.stream
                self._report(ViewerStopped(self.number, now, reason, played, *why))
        playback.state = state
        self._actions.append(Stop())
