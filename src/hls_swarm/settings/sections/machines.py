"""Which machines run the viewers."""

import shlex
from dataclasses import dataclass

from hls_swarm.settings.agent import MOST_FIRST_PORT, USUAL_PORT
from hls_swarm.settings.checks import (
    CONTROL,
    SPACE_OR_CONTROL,
    SettingValueError,
    check_file_name,
    check_more_than_zero,
    check_no_repeats,
    check_spelling,
    check_whole,
)
from hls_swarm.settings.kinds import Seconds
from hls_swarm.settings.spellings import parse_part


@dataclass(frozen=True, kw_only=True, repr=False)
class Machines:
    """Machines beside this one, and how agents come to be there."""

    agents: int = 0
    """Agents on other machines that run the viewers, started there with hls-swarm agent; waits until so many came."""

    hosts: str | None = None
    """Machines to start agents on over ssh, as HOST,HOST,...; they end with the run."""

    cluster: str | None = None
    """Ray cluster that exists, as HOST:PORT, or auto if this machine is part of one; its other machines run the
    viewers, --agents of them if that is given."""

    cluster_token_file: str | None = None
    """File with the token that controller and agents must both have; --token-file is viewers' tokens."""

    cluster_address: str | None = None
    """Address of this machine that agents reach it by; by default the one that the first of them came to."""

    cluster_port: int = USUAL_PORT
    """Port that agents come to, the first of 30 in a row that this machine listens on."""

    agents_timeout: Seconds = 120.0
    """How long to wait for the agents; then it is said who is missing."""

    share: tuple[str, ...] = ()
    """Parts of the viewers that an agent gets in place of one for each of its cores, as NAME=PARTS; repeatable."""

    respread: bool = False
    """Let the viewers of an agent that is lost come again on the others, once its own load has ended; without it the
    run is invalid then."""

    ssh: str = "ssh"
    """Command that --hosts uses; the host and the command there follow it. It never asks for anything: there must be a
    key, and the host's must be known."""

    ssh_program: str = "hls-swarm"
    """How hls-swarm is called on the machines of --hosts."""

    @property
    def is_spread(self) -> bool:
        """Whether the viewers run on other machines."""
        return bool(self.agents) or self.hosts is not None or self.cluster is not None

    @property
    def ssh_hosts(self) -> tuple[str, ...]:
        """The machines to start agents on."""
        return () if self.hosts is None else tuple(host.strip() for host in self.hosts.split(","))

    @property
    def agents_wanted(self) -> int:
        """Agents that must come."""
        return len(self.ssh_hosts) or self.agents

    def _check_machines(self) -> None:
        check_whole("agents", self.agents, 0, 10_000)
        check_whole("cluster_port", self.cluster_port, 1024, MOST_FIRST_PORT)
        check_more_than_zero("agents_timeout", self.agents_timeout, "")
        for text in self.share:
            check_spelling("share", parse_part, text)
        check_no_repeats("share", tuple(parse_part(text)[0] for text in self.share))
        if self.hosts is not None:
            if self.agents or self.cluster is not None:
                raise SettingValueError("hosts", "starts the agents itself: leave out --agents and --cluster")
            for host in self.ssh_hosts:
                if not host or host.startswith("-") or SPACE_OR_CONTROL.search(host):
                    raise SettingValueError("hosts", f"{host!r} is no host: write HOST,HOST,...")
            check_no_repeats("hosts", self.ssh_hosts)
        for field in ("ssh", "ssh_program"):
            if not getattr(self, field).strip() or CONTROL.search(getattr(self, field)):
                raise SettingValueError(field, "needs a command")
        try:
            shlex.split(self.ssh)
        except ValueError as error:
            raise SettingValueError("ssh", f"{self.ssh!r} can not be read as a shell would: {error}") from None
        if self.cluster_token_file is not None:
            check_file_name("cluster_token_file", self.cluster_token_file)
        if not self.is_spread:
            for field in ("share", "respread"):
                if getattr(self, field):
                    raise SettingValueError(field, "is for agents on several machines: add --agents or --hosts")
        elif self.cluster is None and self.cluster_token_file is None:
            raise SettingValueError(
                "agents" if self.agents else "hosts",
                "needs --cluster-token-file FILE: without a token, whoever reaches this machine could run code on it",
            )
