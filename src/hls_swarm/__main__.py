"""`python -m hls_swarm` is the same as `hls-swarm`."""

import sys

from hls_swarm.cli import main

if __name__ == "__main__":
    sys.exit(main())
