"""What holds for all tests: programs that they start keep no run folder and listen on no fixed port unless told to."""

import os

os.environ.setdefault("HLS_SWARM_METRICS", "off")
os.environ.setdefault("HLS_SWARM_NO_OUTPUT", "true")
