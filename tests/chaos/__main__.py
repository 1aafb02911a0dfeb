"""Chaos for an hour, or as many minutes as CHAOS_MINUTES says: python -m tests.chaos; `make chaos`.

CHAOS_SEED and CHAOS_VIEWERS say what else may differ. All files stay in a folder, which is named at the end.
"""

import os
import random
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import Chaos, chaos


def main() -> int:
    """Do it, print what came of it; gives 1 if something is wrong."""
    minutes = float(os.environ.get("CHAOS_MINUTES", "60"))
    seed = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))
    viewers = int(os.environ.get("CHAOS_VIEWERS", "500"))
    folder = Path(tempfile.mkdtemp(prefix="hls-swarm-chaos-"))
    folder.chmod(0o755)
    print(f"{viewers} viewers, {minutes:g} minutes, CHAOS_SEED={seed}, files in {folder}", flush=True)
    outcome = chaos(folder, Chaos(viewers, minutes * 60, (5.0, 20.0), seed))
    print("\n".join(outcome.lines()))
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
