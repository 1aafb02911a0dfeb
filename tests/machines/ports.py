"""What docs/cluster.md says a machine listens on, as data."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tests.support.places import ROOT

_ROW = re.compile(r"^\| (controller|agent) \| (one of )?(\d+)(?: to (\d+))? \| ([a-z ]+) \|", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Args:
        ports: from the first to the last of them.
        one: whether somebody listens on only one of them.
        address: `all`, or `its own`.
    """

    ports: range
    one: bool
    address: str


@dataclass(frozen=True)
class Documented:
    """The rows of a controller, or of an agent."""

    rows: Sequence[Row]

    def explains(self, listening: Collection[tuple[str, int]], address: str) -> bool:
        """Whether each row is there and nothing besides, on a machine with this address."""
        left = set(listening)
        for row in self.rows:
            host = "all" if row.address == "all addresses" else address
            found = {(host, port) for port in row.ports} & left
            if len(found) != (1 if row.one else len(row.ports)):
                return False
            left -= found
        return not left


def firewall(machine: str, allowed: str) -> Sequence[Sequence[str]]:
    """The rules for a machine, as docs/cluster.md has them.

    Args:
        allowed: who may come, in place of those that the page names.
    """
    text = (ROOT / "docs/cluster.md").read_text()
    controller, agent = re.findall(r"```\n((?:iptables .*\n)+)```", text)
    rules = controller if machine == "controller" else agent
    return [re.sub(r"10\.0\.0\.[\d/]+", allowed, rule).split()[1:] for rule in rules.splitlines()]


def documented(machine: str) -> Documented:
    """Of the table in docs/cluster.md."""
    text = (ROOT / "docs/cluster.md").read_text()
    rows = [
        Row(range(int(first), int(last or first) + 1), bool(one), address)
        for name, one, first, last, address in _ROW.findall(text)
        if name == machine
    ]
    if not rows:
        raise AssertionError(f"docs/cluster.md has no row for {machine}")
    return Documented(rows)
