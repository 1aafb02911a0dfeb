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
