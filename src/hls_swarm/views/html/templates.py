"""Templates of pages, and the files that stand in them."""

from functools import cache
from importlib.resources import files

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hls_swarm.foreign import visible

_SHARED = "hls_swarm.views.html"


@cache
def environment(package: str = _SHARED) -> Environment:
    """The templates of a package, and those that all pages share."""
    return Environment(
        loader=ChoiceLoader([PackageLoader(name, "") for name in dict.fromkeys((package, _SHARED))]),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def part(name: str, package: str = _SHARED) -> str:
    """A file that stands in a page as it is."""
    return files(package).joinpath(name).read_text(encoding="utf-8")


def _shown(value: object) -> object:
    """A text with nothing in it that is no printable character; what is made up as HTML already, as it is."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
