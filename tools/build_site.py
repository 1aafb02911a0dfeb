"""Builds the documents as a site that opens from the disk: its search, too, and nothing is loaded from anywhere.

What builds it (zensical) has its search in a worker, which browsers do not start for a page from the disk; the script
by which they do is loaded from a network by default. It stands beside the pages here (tools/site, iframe-worker 1.0.4,
MIT).
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS, SITE = ROOT / "docs", ROOT / "build" / "site"
SHIM = "https://unpkg.com/iframe-worker/shim"
LOCAL = Path("assets/javascripts/iframe-worker.js")


FIRST = ("index", "tutorial", "how-to/install", "how-to/come-from-other-tools")
LAST = ("contributing", "architecture", "glossary", "decisions/README")
"""Pages that stand before and after the others, in this order; all others stand where their folder does."""


def contents() -> list[str | dict[str, list[str]]]:
    """The contents of the site: every page there is, once."""
    pages = sorted(page.relative_to(DOCS).with_suffix("").as_posix() for page in DOCS.rglob("*.md"))
    placed = {*FIRST, *LAST}

    def folder(name: str) -> list[str]:
        return [f"{page}.md" for page in pages if page.rpartition("/")[0] == name and page not in placed]

    return [
        *(f"{page}.md" for page in FIRST),
        {"How to": folder("how-to")},
        {"Understand": folder("")},
        {"Reference": folder("reference")},
        {"Contribute": [*(f"{page}.md" for page in LAST), *folder("decisions")]},
    ]


def toml_of(nav: list[str | dict[str, list[str]]]) -> str:
    """The contents as a value in TOML: as JSON, but for the tables."""
    parts = (
        json.dumps(each)
        if isinstance(each, str)
        else ", ".join(f"{{ {json.dumps(k)} = {json.dumps(v)} }}" for k, v in each.items())
        for each in nav
    )
    return f"[{', '.join(parts)}]"


def main() -> None:
    """Build it; a warning is an error."""
    zensical = Path(sys.executable).with_name("zensical")
    settings = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    made = ROOT / ".site.toml"  # it must stand above the documents
    made.write_text(settings.replace("[project]\n", f"[project]\nnav = {toml_of(contents())}\n", 1), encoding="utf-8")
    try:
        command = [zensical, "build", "--strict", "--clean", "--config-file", made]
        subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - our own program
    finally:
        made.unlink()
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
