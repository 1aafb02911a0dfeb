"""Where a worker process begins: signals that are meant for the controller reach it too, and leave the end to it.

The controller starts it with them blocked, so that none can come before they are ignored.
"""

import os
import signal
import sys

_CONTROLLERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

for _number in _CONTROLLERS:
    signal.signal(_number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_UNBLOCK, _CONTROLLERS)

if __name__ == "__main__":
    from hls_swarm.engine.worker import main  # after the signals: one may come while this imports

    _code = main()
    sys.stderr.flush()
    os._exit(_code)  # no thread that is stuck on a disk or in the resolver holds it
