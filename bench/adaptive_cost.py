"""What adapting and a link of its own cost a viewer: two crowds of one version at the same time, on one stream.

    python -m bench.adaptive_cost [--viewers 300] [--seconds 20] [--access-rate 8M] [--profile hlsjs] [--serve plain]

Live, 2 s segments at 3 Mbit/s, real nginx on loopback. One crowd plays the highest variant as fast as bytes come; the
other adapts, each viewer behind a link of its own, wide enough for the highest. Both meet what else the machine does,
and load the same segments. Printed: CPU of the workers for a viewer and second, and how many times the first the
second is.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
from bench.density import SEGMENT_BYTES, SERVINGS, LiveStream, command_for, media, usage_of
from bench.servers import needed, nginx

_LADDER = ((800_000, "low.m3u8"), (1_600_000, "middle.m3u8"), (3_000_000, "live.m3u8"))


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--access-rate", default="8M")
    parser.add_argument("--profile", default="hlsjs")
    parser.add_argument("--serve", default="plain", choices=list(SERVINGS))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--ramp-seconds", type=float, default=5.0)
    options = parser.parse_args()
    serving = SERVINGS[options.serve]
    needed("nginx", *(["openssl"] if serving.tls else []))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "www").mkdir()
        stream = LiveStream(root / "www", media(root / "www", SEGMENT_BYTES, real=False))
        lines = [f"#EXT-X-STREAM-INF:BANDWIDTH={bandwidth}\n{name}\n" for bandwidth, name in _LADDER]
        (root / "www" / "master.m3u8").write_text("#EXTM3U\n" + "".join(lines))
        stream.start()
        same = "location ~ ^/seg-[0-9]+\\.ts$ { try_files /segment.ts =404; } "
        same += "location ~ ^/(low|middle)\\.m3u8$ { try_files /live.m3u8 =404; }"
        try:
            with nginx(root, server=same, tls=serving.tls, http2=serving.http2) as base:
                _play(f"{base}/master.m3u8", options)
        finally:
            stream.stop()


def _play(url: str, options: argparse.Namespace) -> None:
    command, ramp = command_for(options.viewers, options.seconds, options)
    command += ["--profile", options.profile, *SERVINGS[options.serve].flags]
    adaptive = ["--variant", "auto", "--access-rate", options.access_rate]
    crowds = {"fixed, no link": [], f"auto, {options.access_rate} each": adaptive}
    processes = [
        subprocess.Popen([*command, *flags, url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for flags in crowds.values()
    ]
    controllers = [psutil.Process(process.pid) for process in processes]
    time.sleep(ramp + 6.0)
    before = [usage_of(controller) for controller in controllers]
    time.sleep(options.seconds - 2.0)
    after = [usage_of(controller) for controller in controllers]
    costs = []
    for name, process, since, until in zip(crowds, processes, before, after, strict=True):
        stdout, _ = process.communicate(timeout=60)
        summary = json.loads(stdout)
        costs.append((until.workers_cpu - since.workers_cpu) / (until.at - since.at) / options.viewers * 1e6)
        experience = summary["experience"]
        print(
            f"{name:>20}: {costs[-1]:7.1f} us a viewer and second, {summary['requests']['segment']:,} segments, "
            f"average {experience['average_bitrate_bps'] / 1e6:.2f} Mbit/s, stalls {experience['stalls']}, "
            f"segments take P50 {summary['latency_seconds']['segment']['download']['p50']:.3f} s"
        )
    print(f"the second costs {costs[1] / costs[0]:.2f} times the first")


if __name__ == "__main__":
    main()
