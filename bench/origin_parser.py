"""Parsing metrics pages: hls_swarm's parser beside prometheus_client's, in one run.

    python bench/origin_parser.py [--rounds 7] [PAGE ...]

Cold is a new parser that has seen nothing; repeated is the next scrape of the same target, with other values. Each
figure is the best of the rounds, which alternate between the two, so that both meet the same machine. prometheus_client
keeps nothing between pages: it has one figure.
"""

import argparse
import gc
import random
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from prometheus_client.parser import text_string_to_metric_families

from hls_swarm.origin.exposition.parser import Parser

REAL_PAGE = Path(__file__).parents[1] / "tests" / "data" / "metrics" / "node_exporter.txt"
SIZES = (1_000, 10_000, 100_000)


def generated(samples: int, seed: int) -> str:
    """A page of samples with three labels each, ten families with HELP and TYPE."""
    chance = random.Random(seed)
    lines = []
    for family in range(10):
        name = f"http_requests_{family}_total"
        lines += [f"# HELP {name} Requests of that kind.", f"# TYPE {name} counter"]
        lines += [
            f'{name}{{host="h{nth % 50}.example",path="/live/{nth}/index.m3u8",code="200"}} {chance.random() * 1e6}'
            for nth in range(samples // 10)
        ]
    return "\n".join(lines) + "\n"


def other_values(text: str, seed: int) -> str:
    """The same page a scrape later."""
    chance = random.Random(seed)
    lines = (
        line if line.startswith("#") or not line else f"{line.rpartition(' ')[0]} {chance.random() * 1e6}"
        for line in text.split("\n")
    )
    return "\n".join(lines)


def seconds(work: Callable[[], object]) -> float:
    """How long one piece of work takes, garbage collected before."""
    gc.collect()
    begun = perf_counter()
    work()
    return perf_counter() - begun


def compare(title: str, first: str, second: str, rounds: int) -> None:
    """One line of the table."""
    body, next_body = first.encode(), second.encode()
    warm = Parser()
    samples = len(warm.parse(body))
    cold, repeated, peer = [], [], []
    for _ in range(rounds):
        cold.append(seconds(lambda: Parser().parse(body)))
        repeated.append(seconds(lambda: warm.parse(next_body)))
        peer.append(seconds(lambda: list(text_string_to_metric_families(body.decode()))))
    per_sample = [min(times) / samples * 1e6 for times in (cold, repeated, peer)]
    print(
        f"{title:28}{samples:9,}{per_sample[0]:10.2f}{per_sample[1]:10.2f}{per_sample[2]:10.2f}"
        f"{per_sample[2] / per_sample[0]:9.1f}x{per_sample[2] / per_sample[1]:9.1f}x"
    )


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("page", nargs="*", type=Path, default=[REAL_PAGE])
    given = arguments.parse_args()
    print(f"{'':28}{'':9}{'microseconds a sample':>30}{'peer / ours':>20}")
    print(f"{'page':28}{'samples':>9}{'cold':>10}{'repeated':>10}{'peer':>10}{'cold':>10}{'repeated':>10}")
    for path in given.page:
        text = path.read_text()
        compare(path.name, text, other_values(text, 1), given.rounds * 3)
    for size in SIZES:
        rounds = given.rounds if size < 100_000 else max(2, given.rounds * 2 // 3)
        compare(f"generated, {size:,}", generated(size, 1), generated(size, 2), rounds)


if __name__ == "__main__":
    main()
