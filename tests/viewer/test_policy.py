"""What players do about answers that their browser keeps from them."""

import pytest

from hls_swarm.records import FailureKind, ObjectKind
from hls_swarm.settings.spellings import BROWSER_PROFILES
from hls_swarm.viewer.profiles import HLSJS, PROFILES, SHAKA, Profile


def test_the_profiles_that_run_in_a_browser_are_those_that_settings_name() -> None:
    assert {name for name, profile in PROFILES.items() if profile.in_browser} == BROWSER_PROFILES


@pytest.mark.parametrize(("profile", "delay"), [(HLSJS, None), (SHAKA, 1.0)])
@pytest.mark.parametrize("kind", [ObjectKind.MEDIA_PLAYLIST, ObjectKind.SEGMENT, ObjectKind.KEY])
def test_hls_js_does_not_ask_again_for_what_it_may_not_read(
    profile: Profile, delay: float | None, kind: ObjectKind
) -> None:
    assert profile.policy(kind).retry_delay(1, FailureKind.CORS, None) == delay


@pytest.mark.parametrize(("draw", "seconds"), [(0.0, 0.5), (0.25, 0.75), (0.5, 1.0), (0.999, 1.499)])
def test_shaka_draws_how_long_it_waits(draw: float, seconds: float) -> None:
    policy = SHAKA.segment
    assert policy.retry_delay(1, FailureKind.HTTP_STATUS, 503, draw=draw) == pytest.approx(seconds)
    assert policy.spread_out(SHAKA.gives_up_after_seconds, draw) == pytest.approx(seconds)


def test_hls_js_waits_as_long_whatever_is_drawn() -> None:
    assert {HLSJS.segment.retry_delay(1, FailureKind.HTTP_STATUS, 503, draw=draw) for draw in (0.0, 0.9)} == {1.0}
