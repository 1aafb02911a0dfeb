"""Which stream a viewer plays, and going to another one, with its renditions.

Where it may go and in which order is `choosing.alternatives`; when it must is decided by who calls `switch`: after a
failure that is `recovery`, before a gap `media`.
"""

from hls_swarm.hls.playlist import MultivariantPlaylist
from hls_swarm.hls.uri import is_data
from hls_swarm.records import Failure, FailureKind, ObjectKind, SettingUnmet, SwitchReason
from hls_swarm.settings.spellings import VariantKind
from hls_swarm.viewer.adapting.algorithm import Adaptation
from hls_swarm.viewer.adapting.ladder import carries_sound
from hls_swarm.viewer.choosing import choice
from hls_swarm.viewer.choosing.alternatives import Alternatives
from hls_swarm.viewer.choosing.choice import Option, Role
from hls_swarm.viewer.loading.changing.levels import begin, failed_over, go, instead
from hls_swarm.viewer.loading.changing.steer import ask_steering, begin_steering, has_other_pathway, left_pathway
from hls_swarm.viewer.loading.policy import NO_FAILOVER
from hls_swarm.viewer.loading.probing import tells_of_captions
from hls_swarm.viewer.loading.state import Loading
from hls_swarm.viewer.loading.track import Repeats, Track, tracks_of
from hls_swarm.viewer.playing.frames import frame_seconds


def no_variants() -> Failure:
    """What is wrong with a multivariant playlist without a variant: hls.js and Media3 have nothing to play either."""
    return Failure(FailureKind.EMPTY_PLAYLIST, "the multivariant playlist lists no variant")


def choose_stream(loading: Loading, playlist: MultivariantPlaylist, now: float) -> None:
    """Choose what to play of a presentation, and follow its tracks."""
    profile, kind = loading.profile, loading.variant.kind
    loading.start = playlist.start
    loading.probes = loading.probes and not tells_of_captions(playlist)
    steering = profile.steering if playlist.content_steering is not None and kind is not VariantKind.ALL else None
    if steering is not None and playlist.variants:
        every = begin_steering(loading, playlist, steering, now)
    else:
        every = choice.options(playlist, subtitles=profile.plays_subtitles)
    if not every:
        loading.fail(no_variants(), loading.shown_url, ObjectKind.MULTIVARIANT_PLAYLIST)
        return
    if kind is VariantKind.AUTO and profile.adaptation is not None:
        option = begin(loading, every, profile.adaptation)
        loading.follow(tracks_of([option], profile))
        main = loading.tracks[0]
        main.repeats = _repeats(profile.adaptation, option, independent=playlist.independent_segments)
        if main.repeats is Repeats.WHERE_SOUND_ENDS_EARLY:
            main.frame_seconds = frame_seconds(option.codecs)
        loading.alternatives = Alternatives(every, option, profile.failover or NO_FAILOVER)
        loading.report(option.chosen_by(loading.number, now, reason=SwitchReason.START))
        _first_steering(loading, now)
        return
    heights = choice.heights(playlist)
    picked = choice.chosen(every, loading.variant, heights, loading.session.variant_draw)
    unmet = choice.unmet(every, loading.variant, heights, picked[0])
    if unmet is not None:
        loading.report(SettingUnmet(loading.number, now, "variant", unmet))
    loading.follow(tracks_of(picked, profile))
    for option in picked:
        loading.report(option.chosen_by(loading.number, now))
    if (profile.failover is not None or steering is not None) and kind is not VariantKind.ALL:
        loading.alternatives = Alternatives(every, picked[0], profile.failover or NO_FAILOVER)
    _first_steering(loading, now)


def _repeats(adaptation: Adaptation, option: Option, *, independent: bool) -> Repeats:
    """Which changes load the last segment again; `independent`: the multivariant playlist says that segments are."""
    match adaptation:
        case Adaptation.MEDIA3:  # takes segments to depend on each other unless told otherwise, in either playlist
            return Repeats.NONE if independent else Repeats.OF_DEPENDENT
        case Adaptation.HLSJS:
            return Repeats.WHERE_SOUND_ENDS_EARLY if carries_sound(option) else Repeats.NONE
        case Adaptation.SHAKA:
            return Repeats.NONE


def _first_steering(loading: Loading, now: float) -> None:
    steering = loading.steering
    if steering is None:
        return
    if steering.uri is not None and is_data(steering.uri):
        loading.retry_at = now  # once the first media playlists are asked for: it has its answer at once
    else:
        ask_steering(loading, steering, now, now)


def has_other(loading: Loading, track: Track, now: float, *, of_media: bool) -> bool:
    """Whether there is somewhere to go if this can not be had: another stream, or another pathway.

    Args:
        of_media: whether a segment failed, and not a playlist: for one of a rendition there is nowhere to go.
    """
    alternatives = loading.alternatives
    if track.role is Role.MAIN:
        here = alternatives is not None and alternatives.next_option(now) is not None
        return here or (loading.steering is not None and has_other_pathway(loading, now))
    return loading.steering is not None and not of_media and has_other_pathway(loading, now)


def switch(loading: Loading, now: float, *, of_media: bool = True, of_main: bool = True) -> bool:
    """Go to the next stream that has not failed lately, with its renditions; False if there is none.

    Args:
        of_media: whether a segment failed, and not a playlist.
        of_main: whether it was the variant's, and not a rendition's.
    """
    alternatives = loading.alternatives
    option = None if alternatives is None or not of_main else alternatives.next_option(now)
    if alternatives is None or option is None:
        return loading.steering is not None and left_pathway(loading, now)
    left, levels = alternatives.current, loading.levels
    if levels is not None and option.encoding != left.encoding:
        option = instead(levels, alternatives, option, now)
    alternatives.go_to(option, now)
    reason = None
    if levels is not None:
        failed_over(loading, levels, left, option, now, of_media=of_media)
        reason = SwitchReason.FAILED
    go(loading, option, now)
    loading.report(option.chosen_by(loading.number, now, failover=True, reason=reason))
    return True
