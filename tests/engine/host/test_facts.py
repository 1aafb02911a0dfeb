"""What of this machine is read from what its system tells."""

import pytest

from hls_swarm.engine.host.facts import public


@pytest.mark.parametrize(
    ("address", "is_public"),
    [
        pytest.param("127.0.0.1", False, id="loopback"),
        pytest.param("10.0.0.3", False, id="of one's own"),
        pytest.param("100.64.0.3", False, id="of a provider's own"),
        pytest.param("fe80::1%eth0", False, id="of the link"),
        pytest.param("fd00::1", False, id="of one's own, version 6"),
        pytest.param("9.9.9.9", True, id="of the internet"),
        pytest.param("2620:fe::fe", True, id="of the internet, version 6"),
    ],
)
def test_which_addresses_the_internet_may_reach(address: str, *, is_public: bool) -> None:
    assert public([address]) == ((address,) if is_public else ())
