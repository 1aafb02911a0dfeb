"""What the engine says of a death, and what follows from it."""

import pytest

from hls_swarm.cluster.ray.bridge import death

_HEAD = "The actor died unexpectedly before finishing this task.\n\tclass_name: AgentActor\n\tip: 10.0.0.3\n"
_PROCESS = _HEAD + (
    "The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: Worker "
    "unexpectedly exits with a connection error code 2. End of file. (1) the process was killed by the OOM killer, "
    "consider enabling resource isolation to prevent node deaths."
)
_MACHINE = _HEAD + "The actor died because its node has died. Node Id: 11a8ede4\n\tthe actor's node was terminated"


@pytest.mark.parametrize(
    ("text", "words", "has_ended"),
    [
        pytest.param(_PROCESS, "its process has ended", True, id="process"),
        pytest.param(_MACHINE, "its machine is gone", False, id="machine"),
        pytest.param("the owner has exited", "its machine is gone", False, id="what is not known ends by its lease"),
    ],
)
def test_only_of_a_process_whose_machine_answers_its_end_is_certain(text: str, words: str, *, has_ended: bool) -> None:
    said, ended = death(text)
    assert (said.partition(":")[0], ended) == (words, has_ended)
