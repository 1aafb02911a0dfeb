"""Builds the documents as a site that opens from the disk: its search, too, and nothing is loaded from anywhere.

What builds it (zensical) has its search in a worker, which browsers do not start for a page from the disk; the script
by which they do is loaded from a network by default. It stands beside the pages here (tools/site, iframe-worker 1.0.4,
MIT).
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "dist" / "site"
SHIM = "https://unpkg.com/iframe-worker/shim"
LOCAL = Path("assets/javascripts/iframe-worker.js")


def main() -> None:
    """Build it; a warning is an error."""
    zensical = Path(sys.executable).with_name("zensical")
    subprocess.run([zensical, "build", "--strict", "--clean"], cwd=ROOT, check=True)  # noqa: S603 - our own program
    for name in (LOCAL.name, "iframe-worker.LICENSE"):
        shutil.copy(ROOT / "tools" / "site" / name, SITE / LOCAL.parent / name)
    for page in sorted(SITE.rglob("*.html")):
        text = page.read_text(encoding="utf-8")
        if text.count(SHIM) != 1:
            sys.exit(f"{page}: the script for search from the disk is not where it was: mend tools/build_site.py")
        # 404.html is shown under any address, where only a path from the root would do; it is none from the disk.
        up = "/" if page.name == "404.html" else "../" * len(page.relative_to(SITE).parent.parts)
        page.write_text(text.replace(SHIM, f"{up}{LOCAL}"), encoding="utf-8")
    sys.stdout.write(f"{SITE / 'index.html'}\n")


if __name__ == "__main__":
    main()
