"""What an agent on a load machine needs to know."""

from dataclasses import dataclass

from hls_swarm.settings.checks import (
    SettingValueError,
    check_file_name,
    check_host_and_port,
    check_whole,
)

USUAL_PORT = 17100
"""Where agents come to a controller."""
USUAL_AGENT_PORT = 17140
"""The first of the ports of an agent."""
MOST_FIRST_PORT = 65_000


@dataclass(frozen=True, kw_only=True)
class AgentSettings:
    """Whose agent this machine is, and how."""

    join: str = ""
    """Controller to run viewers for, as HOST or HOST:PORT; waits until it is there, and after a run for the next."""

    token_file: str = ""
    """File with the token that the controller has too; - is standard input."""

    name: str = ""
    """Name of this machine in every view; by default its host name."""

    folder: str = ""
    """Folder for files of requests until the controller has fetched them; by default the one for temporary files."""

    first_port: int = USUAL_AGENT_PORT
    """First of the 30 ports in a row that this machine listens on; others for a second agent on it."""

    once: bool = False
    """End after one run; give up when the controller declines, hangs up before it, or is not there for two minutes."""

    end_with_input: bool = False
    """End when standard input closes, and wait ten seconds for the controller: how `--hosts` starts agents over ssh."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            SettingValueError: for the first that can not be used.
        """
        if not self.join:
            raise SettingValueError("join", "needs the controller's machine, as HOST or HOST:PORT")
        check_host_and_port("join", self.join)
        if not self.token_file:
            raise SettingValueError("token_file", "needs a file with the controller's token: no agent runs without one")
        if self.token_file != "-":  # noqa: S105 - standard input, not a password
            check_file_name("token_file", self.token_file)
        if self.folder:
            check_file_name("folder", self.folder)
        check_whole("first_port", self.first_port, 1024, MOST_FIRST_PORT)

    @property
    def controller(self) -> tuple[str, int]:
        """Host and port to come to."""
        host, colon, port = self.join.rpartition(":")
        if colon and port.isdecimal() and not host.endswith(":"):
            return host.strip("[]"), int(port)
        return self.join.strip("[]"), USUAL_PORT
