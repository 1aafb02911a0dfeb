"""Where a worker process begins: Ctrl-C in the terminal reaches it too, and must leave the end to the controller."""

import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_IGN)

if __name__ == "__main__":
    from hls_swarm.engine.worker import main  # after the signal: a Ctrl-C may come while this imports

    sys.exit(main())
