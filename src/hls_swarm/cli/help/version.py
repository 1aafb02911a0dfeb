"""What a report of a mistake needs to know: versions, and what of the kernel the program uses."""

import platform
import shutil
import ssl
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, requires, version
from pathlib import Path

from hls_swarm import __version__

_NAME = "hls-swarm"


def version_lines() -> Iterator[str]:
    """One line a fact: its name, and what it is."""
    facts = (
        (_NAME, __version__),
        ("Python", f"{platform.python_version()} ({platform.python_implementation()}, {sys.executable})"),
        ("platform", platform.platform()),
        ("kernel", f"{platform.system()} {platform.release()} ({platform.machine()})"),
        ("OpenSSL", ssl.OPENSSL_VERSION),
        *_kernel_features(),
        *_libraries(),
        ("ffmpeg", shutil.which("ffmpeg") or "not in PATH"),
        ("installed in", str(Path(__file__).resolve().parents[2])),
    )
    width = max(len(name) for name, _ in facts)
    return (f"{name:<{width}}  {text}" for name, text in facts)


def _kernel_features() -> Iterator[tuple[str, str]]:
    """What spares the work of receiving bodies, as this system has it."""
    from hls_swarm.http.h1.stream import system_reception

    reception = system_reception()
    yield "MSG_TRUNC", "used" if reception.discard_flags else "not used"
    yield "SO_RCVLOWAT", "used" if reception.follows_low_water else "not used"


def _libraries() -> Iterator[tuple[str, str]]:
    """The libraries that this program asks for, extras too, and which of them are here."""
    try:
        distribution(_NAME)
    except PackageNotFoundError:  # run from its source
        return
    seen: set[str] = set()
    for requirement in requires(_NAME) or ():
        name, extra, is_extra = _requirement(requirement)
        if name in seen or extra == "dev":
            continue
        seen.add(name)
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, f"not installed ({extra})" if is_extra else "not installed"


def _requirement(text: str) -> tuple[str, str, bool]:
    """Its name, its extra, and whether it has one."""
    what, _, marker = text.partition(";")
    name = what
    for sign in "<>=!~[( ":
        name = name.partition(sign)[0]
    _, is_extra, extra = marker.partition("extra ==")
    return name.strip(), extra.strip(" '\""), bool(is_extra)
