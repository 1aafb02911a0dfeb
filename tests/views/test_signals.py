from hls_swarm.snapshot.origin.signals import SIGNALS
from hls_swarm.views.signals import DETAILS, full_name


def test_each_signal_that_is_shown_has_a_name_of_its_own() -> None:
    names = [full_name(signal) for name, signal in SIGNALS.items() if name not in DETAILS]
    assert len(names) == len(set(names))
    assert full_name(SIGNALS["memory_used_bytes"]) == "Memory used"
    assert full_name(SIGNALS["memory_used_percent"]) == "Memory used, share"
    assert full_name(SIGNALS["cpu_busiest_core_percent"]) == "Busiest core"
    assert full_name(SIGNALS["nginx_connections"]) == "nginx connections"
