"""Which stream a viewer plays, and going to another one, with its renditions.

Where it may go and in which order is `choosing.alternatives`; when it must is decided by who calls `switch`: after a
failure that is `recovery`, before a gap `media`.
"""

from hls_swarm.hls.playlist import MultivariantPlaylist
from hls_swarm.records import Failure, FailureKind, ObjectKind, SettingUnmet
from hls_swarm.settings.spellings import VariantKind
from hls_swarm.viewer.choosing import choice
from hls_swarm.viewer.choosing.alternatives import Alternatives
from hls_swarm.viewer.loading.state import Loading
from hls_swarm.viewer.loading.track import Role, tracks_of


def no_variants() -> Failure:
    """What is wrong with a multivariant playlist without a variant: hls.js and Media3 have nothing to play either."""
    return Failure(FailureKind.EMPTY_PLAYLIST, "the multivariant playlist lists no variant")


def choose_stream(loading: Loading, playlist: MultivariantPlaylist, now: float) -> None:
    """Choose what to play of a presentation, and follow its tracks."""
    profile, kind = loading.profile, loading.variant.kind
    loading.start = playlist.start
    every = choice.options(playlist, subtitles=profile.plays_subtitles)
    if not every:
        loading.fail(no_variants(), loading.shown_url, ObjectKind.MULTIVARIANT_PLAYLIST)
        return
    heights = choice.heights(playlist)
    picked = choice.chosen(every, loading.variant, heights, loading.session.variant_draw)
    unmet = choice.unmet(every, loading.variant, heights, picked[0])
    if unmet is not None:
        loading.report(SettingUnmet(loading.number, now, "variant", unmet))
    loading.follow(tracks_of(picked, profile))
    for option in picked:
        loading.report(option.chosen_by(loading.number, now))
    if profile.failover is not None and kind is not VariantKind.ALL:
        loading.alternatives = Alternatives(every, picked[0], profile.failover)


def switch(loading: Loading, now: float) -> bool:
    """Go to the next stream that has not failed lately, with its renditions; False if there is none."""
    alternatives = loading.alternatives
    option = None if alternatives is None else alternatives.next_option(now)
    if alternatives is None or option is None:
        return False
    alternatives.go_to(option, now)
    wanted = {Role.MAIN: option.main, Role.AUDIO: option.audio, Role.SUBTITLES: option.subtitles}
    for index, track in enumerate(loading.tracks):
        source = wanted[track.role]
        if source is not None and source.url != track.source.url:
            loading.cancel(track)
            track.switch(source)
            loading.ask_media_playlist(index, now)
    loading.report(option.chosen_by(loading.number, now, failover=True))
    return True
