"""Machines that ssh reaches: a real sshd on each, with keys of its own, on no address but the machine's."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.machines.bed import Bed
from tests.support.networks.machines import Machine
from tests.support.programs import require, running

_SSHD = """
ListenAddress {address}:22
HostKey {folder}/host
PidFile none
AuthorizedKeysFile {folder}/authorized
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp /bin/false
SetEnv "PATH={path}"
"""
_CLIENT = """
Host {name} {address}
    HostName {address}
    User root
    IdentityFile {key}
    IdentitiesOnly yes
    UserKnownHostsFile {known}
    GlobalKnownHostsFile /dev/null
    ConnectTimeout 2
"""
_OLD = """#!/bin/sh
exec '{python}' -c 'import sys, hls_swarm
hls_swarm.__version__ = "9.9.9"
from hls_swarm.cli import main
sys.exit(main())' "$@"
"""
_LISTENER = "[listener]"
"""In the command line of an sshd, and of none that carries a session."""
USUAL_PATH = "/usr/local/bin:/usr/bin:/bin"


@contextmanager
def reached_by_ssh(
    made: Bed,
    names: Sequence[str],
    *,
    deaf: str = "",
    locked: str = "",
    unknown: str = "",
    bare: str = "",
    old: str = "",
    far: str = "",
) -> Iterator[str]:
    """Machines that the controller's ssh knows by their names; gives the command for `--ssh`.

    Args:
        names: of those machines; each of them has what is needed, but for the following.
        deaf: one without sshd.
        locked: one that takes another key.
        unknown: one whose host key is not known.
        bare: one without hls-swarm.
        old: one with another version of it.
        far: one from which nothing comes back to ssh.
    """
    sshd, folder = require("sshd"), made.folder / "ssh"
    folder.mkdir()
    for key in ("key", "other"):
        _keygen(folder / key)
    (folder / "old").mkdir()
    (folder / "old/hls-swarm").write_text(_OLD.format(python=sys.executable))
    (folder / "old/hls-swarm").chmod(0o755)
    config, known = folder / "config", folder / "known"
    known.touch()
    with ExitStack() as stack:
        for name in names:
            place, own = made.places[name], folder / name
            own.mkdir()
            _keygen(own / "host")
            (own / "authorized").write_text((folder / ("other.pub" if name == locked else "key.pub")).read_text())
            found = {bare: "", old: f"{folder}/old:"}.get(name, f"{Path(sys.executable).parent}:")
            (own / "sshd.conf").write_text(_SSHD.format(address=place.address, folder=own, path=f"{found}{USUAL_PATH}"))
            if name != unknown:
                with known.open("a") as file:
                    file.write(f"{place.address} {(own / 'host.pub').read_text()}")
            with config.open("a") as file:
                file.write(_CLIENT.format(name=name, address=place.address, key=folder / "key", known=known))
            if name == far:
                made.forbid(name, [("-A", "INPUT", "-p", "tcp", "--dport", "22", "-j", "DROP")])
            if name == deaf:
                continue
            # The folder that sshd parts from its privileges in is made by its service, which is not started here.
            start = 'mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec "$@"'
            command = [require("unshare"), "--mount", "sh", "-c", start, "sh", sshd, "-D", "-e"]
            stack.enter_context(running(place.command(*command, "-f", str(own / "sshd.conf")), own / "sshd.out"))
        for name in names:
            if name != deaf:
                _wait_for("Server listening on", folder / name / "sshd.out")
        yield f"ssh -F {config}"


def over_ssh(made: Bed, names: Sequence[str], ssh: str) -> Sequence[str]:
    """Arguments of a run that starts its agents on these machines with this command."""
    return ("--hosts", ",".join(names), "--ssh", ssh, "--cluster-token-file", str(made.folder / "token"))


def logged_in(place: Machine) -> list[str]:
    """Command lines of what ssh has started on a machine."""
    return [command for command in place.processes() if _LISTENER not in command]


def _wait_for(words: str, file: Path) -> None:
    limit = time.monotonic() + 20
    while words not in file.read_text():
        if time.monotonic() > limit:
            raise AssertionError(f"it did not say {words!r}: {file.read_text()}")
        time.sleep(0.02)


def _keygen(file: Path) -> None:
    command = [require("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(file)]
    subprocess.run(command, check=True, capture_output=True)
