"""References resolved as RFC 3986 5.2 says.

Not `urllib.parse.urljoin`: that drops empty path segments (`a//b` becomes `a/b`) and so asks an origin for another
path than a player does.
"""

import re
from functools import lru_cache
from urllib.parse import quote

_LONGEST_REMEMBERED = 64
MAX_DOMAIN_NAMES = 64
"""Hosts beyond ASCII that are converted to domain names; a playlist is input from a stranger, and it is slow."""

# RFC 3986 appendix B: splits every string, valid or not; each part ends at the first character of the next.
_PARTS = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):").match
_DOMAIN_NAME = re.compile(r"[A-Za-z0-9._-]+").fullmatch
_LONGEST_DOMAIN_NAME = 253
_UNSENDABLE = re.compile(r"[^\x21-\x7e]+")


def resolve(base: str, reference: str) -> str:
    """The absolute URI of a reference found in a playlist from `base` (RFC 8216 4.1, RFC 3986 5.2.2)."""
    return Resolver(base).resolve(reference)


class Resolver:
    """Resolves many references against one base URI.

    Attributes:
        directory: the base up to and with its last slash: a plain relative name is resolved by appending it.
        parent: what `../` means: a plain name behind that is resolved by appending it.
        root: the base before its path: a plain absolute path is resolved by appending it.
        document: the base before its query: another query is resolved by appending it.
    """

    __slots__ = ("_authority", "_domain_names", "_path", "_query", "_scheme", "directory", "document", "parent", "root")

    def __init__(self, base: str) -> None:
        self._domain_names: dict[str, str] = {}
        self._scheme, authority, self._path, self._query, _ = split_uri(base)
        self._authority = authority if authority is None or authority.isascii() else self._with_domain_name(authority)
        directory = _without_dots(self._path[: self._path.rfind("/") + 1])
        if self._authority is not None and not directory:
            directory = "/"
        self.directory = join_uri(self._scheme, self._authority, directory, None, None)
        self.parent = self.resolve("../")
        self.root = join_uri(self._scheme, self._authority, "", None, None)
        self.document = join_uri(self._scheme, self._authority, self._path, None, None)

    def resolve(self, reference: str) -> str:
        """The absolute URI of `reference`, fragment kept, unsendable characters percent-encoded.

        Spaces, control characters and characters outside ASCII can not stand in a request line; players encode them as
        UTF-8, and those of a host as the domain name is looked up (RFC 3987 3.1).
        """
        scheme, authority, path, query, fragment = split_uri(reference)
        if authority is not None and not authority.isascii():
            authority = self._with_domain_name(authority)
        if scheme is not None:
            uri = join_uri(scheme, authority, _without_dots(path), query, fragment)
        elif authority is not None:
            uri = join_uri(self._scheme, authority, _without_dots(path), query, fragment)
        elif not path:
            uri = join_uri(self._scheme, self._authority, self._path, self._query if query is None else query, fragment)
        else:
            if path[0] != "/":
                path = self._path[: self._path.rfind("/") + 1] + path
                if self._authority is not None and path[0] != "/":
                    path = "/" + path
            uri = join_uri(self._scheme, self._authority, _without_dots(path), query, fragment)
        return uri if reference.isascii() and reference.isprintable() and " " not in reference else sendable(uri)

    def _with_domain_name(self, authority: str) -> str:
        user, at, host = authority.rpartition("@")
        name, colon, port = host.partition(":")
        known = self._domain_names.get(name)
        if known is None:
            known = name
            if len(self._domain_names) < MAX_DOMAIN_NAMES:
                known = self._domain_names[name] = _domain_name(name)
        return user + at + known + colon + port


def sendable(text: str) -> str:
    """The text with what can not stand in a request line percent-encoded as UTF-8."""
    return _UNSENDABLE.sub(_encoded, text)


def is_data(uri: str) -> bool:
    """Whether it holds what it names (RFC 2397), so that nothing is asked for."""
    return uri[:5].lower() == "data:"


def with_slashes(reference: str) -> str:
    """A reference whose backslashes are slashes, up to its query, as browsers have it (WHATWG URL 4.4).

    Only where the scheme is one of theirs: a path of Windows, `C:\\a.ts`, is a URI of the scheme `C` to them, too.
    """
    scheme = _SCHEME(reference)
    if scheme is not None and scheme[1].lower() not in {"http", "https"}:
        return reference
    end = min((at for at in (reference.find("?"), reference.find("#")) if at >= 0), default=len(reference))
    return reference[:end].replace("\\", "/") + reference[end:]


def _encoded(match: re.Match[str]) -> str:
    characters = match[0]
    return _percent_encoded(characters) if len(characters) <= _LONGEST_REMEMBERED else quote(characters)


_percent_encoded = lru_cache(maxsize=1024)(quote)


def resolver(base: str, reference: str = "x") -> Resolver:
    """A resolver of a base URI; a live playlist's stays the same over many reloads, whatever they ask to wait for.

    Args:
        reference: what is to be resolved: the base's query means nothing but to one without a path of its own.
    """
    if reference and reference[0] != "#":
        base = base.partition("#")[0].partition("?")[0]
    return _resolver(base)


_resolver = lru_cache(maxsize=1024)(Resolver)


def _domain_name(name: str) -> str:
    """A host as domain names have it (RFC 3490 4.1); one that is no domain name stays as it is."""
    if len(name) > _LONGEST_DOMAIN_NAME:
        return name
    try:
        converted = name.encode("idna").decode("ascii")
    except UnicodeError:
        return name
    return converted if _DOMAIN_NAME(converted) is not None else name


def split_uri(uri: str) -> tuple[str | None, str | None, str, str | None, str | None]:
    """Scheme, authority, path, query and fragment of any text (RFC 3986 appendix B): a stranger's is no exception."""
    match = _PARTS.fullmatch(uri)
    assert match is not None, "the pattern matches every string"  # noqa: S101 a fact about the pattern, for the checker
    scheme, authority, path, query, fragment = match.groups()
    return scheme, authority, path or "", query, fragment


def join_uri(scheme: str | None, authority: str | None, path: str, query: str | None, fragment: str | None) -> str:
    """The parts as one (RFC 3986 5.3)."""
    uri = "" if scheme is None else f"{scheme}:"
    if authority is not None:
        uri += f"//{authority}"
    uri += path
    if query is not None:
        uri += f"?{query}"
    if fragment is not None:
        uri += f"#{fragment}"
    return uri


def _without_dots(path: str) -> str:
    """RFC 3986 5.2.4: `.` and `..` removed, empty segments kept."""
    if "." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            # The empty string before the leading slash is not a segment that can be left.
            if len(kept) > 1 or (kept and kept[0]):
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/".join(kept)
