"""Whether this machine can carry the run, said before anything starts."""

import resource

from hls_swarm.errors import PreflightError

CONNECTIONS_PER_VIEWER = 2
"""A segment and a playlist reload at the same time, each on a connection of its own."""
CONNECTIONS_PER_VIEWER_ALL = 6
"""With `--variant all`: what the client opens to one host at most."""
OWN_DESCRIPTORS = 64
"""Pipes, event loop, libraries, resolver of one worker."""


def descriptors_needed(viewers: int, workers: int, *, all_variants: bool) -> int:
    """File descriptors that the fullest of the workers needs."""
    share = -(-viewers // workers)
    return share * (CONNECTIONS_PER_VIEWER_ALL if all_variants else CONNECTIONS_PER_VIEWER) + OWN_DESCRIPTORS


def raise_descriptor_limit(needed: int) -> None:
    """Raise this process's limit, which its children inherit, to what is needed.

    Raises:
        PreflightError: the hard limit is lower; the text says the number needed and what raises it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise PreflightError(
            f"too few file descriptors: a worker needs {needed} and the hard limit is {hard}; raise it "
            f"(ulimit -Hn {needed}, or LimitNOFILE= of the service), use more --workers or fewer --clients"
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
