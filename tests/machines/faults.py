"""Each fault that a run on several machines can meet, done for real, and what was seen of it.

A fault is a function of a bed whose agents are there; it gives what is wrong with what was seen, in words, and the row
of the table in docs/cluster.md.
"""

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import psutil
from tests.machines.bed import TOKEN, Bed, send
from tests.machines.secure_shell import logged_in, over_ssh, reached_by_ssh

from hls_swarm.cluster.agent import LEASE_SECONDS
from hls_swarm.cluster.member import GRACE_SECONDS

VIEWERS = 90
WELL_SECONDS = 3.0
"""Of a run before its fault."""
LEASE_ENDS_SECONDS = LEASE_SECONDS + 1.5
"""By when the load of workers that nobody asks has ended: a lease began up to a second before, and is looked at once a
second."""
REQUEST_SECONDS = 2.5
"""Between two requests of a viewer."""


@dataclass
class Seen:
    """What was seen of a fault.

    Args:
        at: when it was done, Unix seconds.
        wrong: in words; empty if all is as it should be.
    """

    fault: str
    at: float = 0.0
    known: str = "-"
    ended: str = "-"
    said: str = "-"
    counts: str = "-"
    wrong: list[str] = field(default_factory=list)

    def must(self, holds: bool, words: str) -> None:
        """That this is so."""
        if not holds:
            self.wrong.append(words)

    @property
    def row(self) -> str:
        """Of the table."""
        return f"| {self.fault} | {self.known} | {self.ended} | {self.said} | {self.counts} |"


Fault = Callable[[Bed], Seen]


@contextmanager
def _under_load(bed: Bed, seen: Seen, seconds: float, *arguments: str, agents: int = 3) -> Iterator[Popen[bytes]]:
    """A run with viewers on all agents; the fault is now."""
    bed.stream = "long"
    with bed.run(
        *("--clients", str(VIEWERS), "--ramp-rate", str(VIEWERS), "--duration", f"{WELL_SECONDS + seconds:.0f}s"),
        *("--no-expectations", *arguments),
        agents=agents,
    ) as process:
        bed.wait_for("0:01", process)
        time.sleep(WELL_SECONDS - 1)
        seen.at = time.time()
        yield process


def _known(bed: Bed, seen: Seen, agent: str) -> Mapping[str, float]:
    """Seconds after the fault in which each condition of an agent was told first."""
    found: dict[str, float] = {}
    for condition, at in bed.events(agent):
        if at > seen.at:
            found.setdefault(condition, at - seen.at)
    words = {"silent": "silent", "lost": "lost", "up": "heard again", "full": "heard again"}
    seen.known = ", ".join(f"{words[name]} {after:.1f} s" for name, after in found.items() if name in words) or "-"
    return found


def _ended(bed: Bed, seen: Seen, places: Sequence[str]) -> float:
    """Seconds after the fault of the last request that the origin answered to these machines."""
    last = max((at for place in places for at in bed.requests(place)), default=seen.at)
    return max(0.0, last - seen.at)


def _verdict(bed: Bed, seen: Seen) -> Mapping[str, Mapping[str, Any]]:
    """The summary's agents by name; what it said and counted is in the row."""
    summary = bed.summary
    reasons = "; ".join(summary["reasons"])
    seen.said = f"{summary['verdict']}: {reasons}" if reasons else summary["verdict"]
    seen.counts = f"{sum(summary['requests'].values()):,} of {bed.logged[0]:,}"
    return {agent["agent"]: agent for agent in summary["generator"]["agents"]}


def _lost_only(seen: Seen, agents: Mapping[str, Mapping[str, Any]], lost: str) -> None:
    names = "".join(sorted(name for name, agent in agents.items() if "lost" in agent))
    seen.must(names == lost, f"lost are {names or 'none'}, and not {lost or 'none'}")


def killed(bed: Bed) -> Seen:
    """Everything of an agent's machine ends at once."""
    seen = Seen("everything of an agent killed (`kill -9`)")
    with _under_load(bed, seen, 8) as process:
        send(bed.processes("b"), signal.SIGKILL)
        seen.must(process.wait(90) == 3, "the run is not invalid")
    after = _known(bed, seen, "b")
    seen.must(after.get("lost", 99) < 6, "it was not known within 6 s")
    ended = _ended(bed, seen, ["b"])
    seen.ended = f"{ended:.1f} s"
    seen.must(ended < 1, "its load went on")
    _lost_only(seen, _verdict(bed, seen), "b")
    return seen


def actor_killed(bed: Bed) -> Seen:
    """Only the agent's own process ends; its machine answers."""
    seen = Seen("the agent's own process killed, its machine answers")
    with _under_load(bed, seen, 6) as process:
        send(_actors(bed, "b"), signal.SIGKILL)
        seen.must(process.wait(90) == 3, "the run is not invalid")
    after = _known(bed, seen, "b")
    seen.must(after.get("lost", 99) < 3, "it was not known within 3 s")
    ended = _ended(bed, seen, ["b"])
    seen.ended = f"{ended:.1f} s"
    seen.must(ended < 1.5, "its load went on")
    _lost_only(seen, _verdict(bed, seen), "b")
    return seen


def hung(bed: Bed) -> Seen:
    """The agent's own process stands still, and its workers do not."""
    seen = Seen("the agent's own process stopped (`SIGSTOP`), its workers run on")
    with _under_load(bed, seen, 16) as process:
        send(_actors(bed, "b"), signal.SIGSTOP)
        seen.must(process.wait(90) == 3, "the run is not invalid")
    after = _known(bed, seen, "b")
    seen.must(after.get("lost", 99) < LEASE_SECONDS + GRACE_SECONDS + 3, "it was not known by the end of its lease")
    _by_lease(bed, seen, ["b"])
    _lost_only(seen, _verdict(bed, seen), "b")
    return seen


def stopped(bed: Bed) -> Seen:
    """A machine stands still as a whole, as a frozen virtual machine, and wakes up 16 seconds later."""
    seen = Seen("all of an agent's machine stopped (`SIGSTOP`), woken up after 16 s")
    with _under_load(bed, seen, 24) as process:
        processes = bed.processes("b")
        send(processes, signal.SIGSTOP)
        time.sleep(16)
        woken_at = time.time()
        send(processes, signal.SIGCONT)
        seen.must(process.wait(90) == 3, "the run is not invalid")
    after = _known(bed, seen, "b")
    seen.must(after.get("lost", 99) < LEASE_SECONDS + GRACE_SECONDS + 3, "it was not known by the end of its lease")
    before = [at for at in bed.requests("b") if at < woken_at]
    late = [at for at in bed.requests("b") if at >= woken_at]
    ended = max(late, default=woken_at) - woken_at
    seen.ended = (
        f"{max(0.0, max(before) - seen.at):.1f} s; woken up, it went on for {ended:.1f} s ({len(late)} requests)"
    )
    seen.must(ended < LEASE_ENDS_SECONDS + 1, "it loads the origin after it was woken up")
    _lost_only(seen, _verdict(bed, seen), "b")
    return seen


def cut_for_4_seconds(bed: Bed) -> Seen:
    """A link that is down for four seconds."""
    seen = Seen("link down for 4 s")
    with _under_load(bed, seen, 12) as process:
        bed.places["b"].cut()
        time.sleep(4)
        bed.places["b"].mend()
        seen.must(process.wait(90) in {0, 3}, "the run broke off")
    after = _known(bed, seen, "b")
    seen.must("lost" not in after, "it was lost")
    seen.ended = "went on"
    seen.must(_ended(bed, seen, ["b"]) > 9, "its load did not go on")
    _lost_only(seen, _verdict(bed, seen), "")
    seen.must(sum(bed.summary["requests"].values()) == bed.logged[0], "requests are missing")
    return seen


def cut(bed: Bed) -> Seen:
    """A link that stays down."""
    seen = Seen("link down for good")
    with _under_load(bed, seen, 16) as process:
        bed.places["b"].cut()
        seen.must(process.wait(90) == 3, "the run is not invalid")
    after = _known(bed, seen, "b")
    seen.must(after.get("lost", 99) < LEASE_SECONDS + GRACE_SECONDS + 3, "it was not known by the end of its lease")
    seen.ended = f"{_ended(bed, seen, ['b']):.1f} s: no packet gets through"
    _lost_only(seen, _verdict(bed, seen), "b")
    bed.places["b"].mend()
    return seen


def cut_from_controller(bed: Bed) -> Seen:
    """The controller can not be reached, and the origin can."""
    seen = Seen("way to the controller gone, the origin still reached")
    with _under_load(bed, seen, 18) as process:
        bed.places["b"].lose_way_to(bed.places["controller"])
        seen.must(process.wait(90) == 3, "the run is not invalid")
    after = _known(bed, seen, "b")
    seen.must(after.get("lost", 99) < LEASE_SECONDS + GRACE_SECONDS + 3, "it was not known by the end of its lease")
    _by_lease(bed, seen, ["b"])
    agents = _verdict(bed, seen)
    _lost_only(seen, agents, "b")
    _gap_covers(bed, seen, agents, "b")
    bed.places["b"].find_way_to(bed.places["controller"])
    return seen


def respread(bed: Bed) -> Seen:
    """The same with `--respread`: the others get its viewers when its lease has ended, and not before."""
    seen = Seen("way to the controller gone, `--respread`")
    with _under_load(bed, seen, 24, "--respread") as process:
        bed.places["b"].lose_way_to(bed.places["controller"])
        seen.must(process.wait(90) in {0, 3}, "the run broke off")
    _known(bed, seen, "b")
    _by_lease(bed, seen, ["b"])
    came = sorted(at - seen.at for place in "ac" for at in bed.requests(place, "vod.m3u8") if at > seen.at + 1)
    seen.must(len(came) == VIEWERS // 3, f"{len(came)} viewers came on the others")
    if came:
        seen.known += f", its viewers on the others from {came[0]:.1f} s on"
        seen.must(came[0] > _ended(bed, seen, ["b"]), "viewers came on the others while it still had its own")
        seen.must(came[0] > LEASE_SECONDS - 1, "they came before its lease had ended")
    agents = _verdict(bed, seen)
    _lost_only(seen, agents, "b")
    _gap_covers(bed, seen, agents, "b")
    viewers = bed.summary["viewers"]
    seen.must(viewers["started"] == VIEWERS + VIEWERS // 3, f"{viewers['started']} viewers were started")
    seen.must(viewers["peak"] == VIEWERS, f"{viewers['peak']} viewers at a time")
    bed.places["b"].find_way_to(bed.places["controller"])
    return seen


def controller_killed(bed: Bed) -> Seen:
    """The controller's process ends at once, and all that it started ends by itself."""
    seen = Seen("controller killed (`kill -9`)")
    with _under_load(bed, seen, 30) as process:
        send([psutil.Process(process.pid)], signal.SIGKILL)
        process.wait(10)
        _agents_end(bed, seen, "its agents' processes after")
    ended = _ended(bed, seen, ["a", "b", "c"])
    seen.ended = f"{ended:.1f} s on all machines, {seen.ended}"
    seen.must(ended < 2, "the load went on")
    seen.said = "nothing: there is no controller; its run folder has everything up to then"
    seen.must((bed.run_folder / "timeline.jsonl").stat().st_size > 0, "the run folder is empty")
    return seen


def controller_stopped(bed: Bed) -> Seen:
    """All of the controller's machine stands still: nothing is left but the leases."""
    seen = Seen("all of the controller's machine stopped (`SIGSTOP`), woken up after 20 s")
    with _under_load(bed, seen, 40) as process:
        processes = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        send(processes, signal.SIGSTOP)
        _agents_end(bed, seen, "its agents' processes after")
        time.sleep(max(0.0, seen.at + 20 - time.time()))
        send(processes, signal.SIGCONT)
        seen.must(process.wait(90) in {1, 3}, "the run is not invalid")
    agents_end = seen.ended
    _by_lease(bed, seen, ["a", "b", "c"])
    seen.ended += f" on all machines, {agents_end}"
    _lost_only(seen, _verdict(bed, seen), "abc")
    return seen


def started_over_ssh(bed: Bed) -> Seen:
    """An agent that was started over ssh, and whose controller is gone before it came."""
    seen = Seen("controller gone before an agent that `--hosts` started has come")
    bed.places["a"].lose_way_to(bed.places["controller"])
    seen.at = time.time()
    with Popen(
        bed.places["a"].command(*bed.agent_command("lonely", "-"), "--end-with-input"),
        stdin=PIPE,
        stderr=PIPE,
        text=True,
    ) as agent:
        assert agent.stdin is not None
        assert agent.stderr is not None
        agent.stdin.write(f"{TOKEN}\n")
        agent.stdin.flush()
        seen.must(agent.wait(60) == 1, "it did not give up")
        after = time.time() - seen.at
        seen.said = agent.stderr.read().strip().splitlines()[-1]
    seen.ended = f"the agent after {after:.1f} s"
    seen.must(after < 25, "it waited for long")
    bed.places["a"].find_way_to(bed.places["controller"])
    return seen


def started_over_ssh_and_killed(bed: Bed) -> Seen:
    """A controller that is killed, and agents that it started itself over ssh."""
    seen = Seen("controller killed (`kill -9`), its agents started by `--hosts`")
    with (
        reached_by_ssh(bed, "abc") as ssh,
        _under_load(bed, seen, 30, *over_ssh(bed, "abc", ssh), agents=0) as process,
    ):
        send([psutil.Process(process.pid)], signal.SIGKILL)
        process.wait(10)
        while any(logged_in(bed.places[name]) for name in "abc") and time.time() < seen.at + 40:
            time.sleep(0.05)
        after = time.time() - seen.at
    seen.must(after < 12, "its agents stayed")
    ended = _ended(bed, seen, ["a", "b", "c"])
    seen.ended = f"{ended:.1f} s on all machines, its agents' processes after {after:.1f} s"
    seen.must(ended < 2, "the load went on")
    return seen


def full_disk(bed: Bed) -> Seen:
    """The file system of an agent that writes down its requests fills up. The agent b is to have one of 104 MB."""
    seen = Seen("an agent's disk full (`--record-requests`)")
    with _under_load(bed, seen, 8, "--record-requests") as process:
        fill(bed.disk_of("b") / "filler")
        seen.must(process.wait(90) in {0, 3}, "the run broke off")
    _verdict(bed, seen)
    seen.known = f"{max(0.0, bed.warned_at('requests could be written down on b') - seen.at):.1f} s"
    seen.ended = "went on"
    seen.must(_ended(bed, seen, ["b"]) > 5, "its load did not go on")
    seen.said += "; " + "; ".join(bed.summary["remarks"])
    seen.must("on b" in seen.said, "it is not said on which machine requests could not be written down")
    seen.must(sum(bed.summary["requests"].values()) == bed.logged[0], "requests are missing")
    return seen


def no_room(bed: Bed) -> Seen:
    """The same, and it is nearly full before. The agent b is to have a file system of 50 MB."""
    seen = Seen("an agent's disk nearly full before the start (`--record-requests`)")
    with bed.run("--clients", "9", "--record-requests") as process:
        seen.must(process.wait(90) == 1, "it was not refused")
    seen.known = "before the start"
    seen.said = bed.said.strip().splitlines()[-1]
    seen.must("b: --record-requests" in seen.said, "it is not said which machine it is")
    seen.must(not bed.requests("b"), "viewers were started")
    return seen


def fill(file: Path) -> None:
    """Write until nothing more goes in."""
    with suppress(OSError), file.open("wb", buffering=0) as out:
        while out.write(bytes(4096)):
            pass


def _actors(bed: Bed, name: str) -> list[psutil.Process]:
    found = [each for each in bed.processes(name) if "AgentActor" in " ".join(each.cmdline())]
    if not found:
        raise AssertionError("there is no process of the agent's own")
    return found


def _by_lease(bed: Bed, seen: Seen, places: Sequence[str]) -> None:
    ended = _ended(bed, seen, places)
    seen.ended = f"{ended:.1f} s, by the lease"
    seen.must(
        LEASE_SECONDS - 1 - REQUEST_SECONDS < ended < LEASE_ENDS_SECONDS + 1, f"its load ended after {ended:.1f} s"
    )


def _gap_covers(bed: Bed, seen: Seen, agents: Mapping[str, Mapping[str, Any]], name: str) -> None:
    """All that is not counted was answered in the time that the summary calls unknown."""
    gap = agents[name].get("gap_seconds", 0.0)
    missing = bed.logged[0] - sum(bed.summary["requests"].values())
    seen.must(0 <= missing <= VIEWERS / 3 * (gap + 1), f"{missing} requests are missing, and the gap is {gap:.1f} s")
    seen.must(gap > _ended(bed, seen, [name]) - 1.5, f"the gap is {gap:.1f} s, and the load went on for longer")


def _agents_end(bed: Bed, seen: Seen, words: str) -> None:
    limit = time.monotonic() + 40
    while any(agent.poll() is None for agent in bed.agents.values()):
        if time.monotonic() > limit:
            seen.wrong.append("its agents do not end")
            return
        time.sleep(0.05)
    seen.ended = f"{words} {time.time() - seen.at:.1f} s"


FAULTS: Mapping[str, Fault] = {
    "killed": killed,
    "actor-killed": actor_killed,
    "hung": hung,
    "stopped": stopped,
    "cut-4s": cut_for_4_seconds,
    "cut": cut,
    "cut-from-controller": cut_from_controller,
    "respread": respread,
    "controller-killed": controller_killed,
    "controller-stopped": controller_stopped,
    "over-ssh": started_over_ssh,
    "over-ssh-killed": started_over_ssh_and_killed,
    "full-disk": full_disk,
    "no-room": no_room,
}
WITHOUT_AGENTS = ("over-ssh", "over-ssh-killed")
"""Faults of beds that are to have none yet."""
DISKS: Mapping[str, int] = {"full-disk": 104, "no-room": 50}
"""Megabytes that agent b has for files of requests."""
