"""Who may ask a server that is meant for the programs of its own people: no page of a stranger in their browser.

Rules:

- A browser names the host it believes to ask. A stranger's name that was made to point at this address (DNS rebinding)
  is still the stranger's, so a Host (RFC 9110 7.2) that is not one of this server's names is refused.
- Its names are those of loopback, the address it listens on, this machine's name, what it was told, and every name
  without a dot, such as a neighbour in a container network uses: nobody has such a name in the public DNS. One that
  listens on all addresses has all of them as names: an address can not be made to point elsewhere.
- What a page of another site asks for bears an Origin (RFC 6454 7.3) or a Sec-Fetch-Site (W3C Fetch Metadata) that says
  so. Programs send neither.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

_LOOPBACK_NAME = "localhost"
_ONE_LABEL = re.compile(r"[a-z0-9_-]+")
_OWN_SITES = frozenset({"same-origin", "none"})  # none: typed by a person


class Visitors:
    """Tells one server's own visitors from pages of other sites.

    Args:
        listen: name or address it listens on.
        names: further ones under which it may be asked, such as this machine's.
    """

    def __init__(self, listen: str, names: Iterable[str] = ()) -> None:
        self._names = frozenset(map(_bare, (listen, *names)))
        address = _address(_bare(listen))
        self._everywhere = address is not None and address.is_unspecified

    def refusal(self, hosts: Iterable[str], origin: str | None = None, site: str | None = None) -> str:
        """Why a request is refused, for a person; empty if it is not.

        Args:
            hosts: its Host fields; none is a program's, since every browser sends one.
            origin: its Origin field.
            site: its Sec-Fetch-Site field.
        """
        asked = [_host_and_port(host) for host in hosts]
        for name, _ in asked:
            if not self._is_own(name):
                return f"{name[:100] or 'no host'} is no name of this server: --allow-host {name[:100]} lets it be one"
        if site is not None and site.strip().lower() not in _OWN_SITES:
            return "not for pages of other sites"
        if origin is not None and _host_and_port(_of_origin(origin)) not in asked:
            return "not for pages of other sites"
        return ""

    def _is_own(self, name: str) -> bool:
        if name in self._names or name.endswith("." + _LOOPBACK_NAME):
            return True
        address = _address(name)
        if address is not None:
            return self._everywhere or address.is_loopback
        return bool(_ONE_LABEL.fullmatch(name))


def _of_origin(origin: str) -> str:
    """The host and port that an Origin names; empty for an opaque one (`null`)."""
    try:
        return urlsplit(origin.strip()).netloc
    except ValueError:
        return ""


def _host_and_port(text: str) -> tuple[str, str]:
    """A Host field's parts: the name without brackets and in lower case, the port as written."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or not port.isdecimal() or (":" in host and not host.endswith("]")):
        host, port = text.strip(), ""
    return _bare(host), port


def _bare(host: str) -> str:
    return host.strip().lower().removeprefix("[").removesuffix("]").removesuffix(".")


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None
