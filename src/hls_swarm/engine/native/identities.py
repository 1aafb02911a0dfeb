"""What tells one viewer from another: its address, its player's name, its token.

Rules:

- The controller reads the files once and hands their lines to the workers, so they need not be on a worker's machine.
- A viewer takes the line at its own number modulo their count: the same viewer has the same identity in every run.
- A token is a secret: no exchange, error or report shows it.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from hls_swarm.engine.sessions import Sessions
from hls_swarm.errors import SettingsError
from hls_swarm.http.options import Http2, Http3, Identity
from hls_swarm.load.access import AccessRates, Rate, read_trace
from hls_swarm.settings.checks import SettingValueError
from hls_swarm.settings.network import AddressPool, parse_source_addresses
from hls_swarm.settings.run import Settings
from hls_swarm.settings.spellings import parse_access_rates

_TOKEN, _VIEWER = "{token}", "{viewer}"
_MAX_FILE_BYTES = 32 << 20


class Lists(msgspec.Struct, frozen=True):
    """Lines of the files that the settings name; empty without a file.

    Attributes:
        traces: points of each trace that `access_rate` names, see `load.access`.
    """

    user_agents: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    traces: dict[str, tuple[tuple[float, float], ...]] = {}


def read_lists(settings: Settings) -> Lists:
    """Read the files.

    Raises:
        SettingsError: one can not be read, has no line, or has one that can not be sent.
    """
    return Lists(
        user_agents=_lines("user_agent_file", settings.user_agent_file, spaces=True),
        tokens=_lines("token_file", settings.token_file, spaces=False),
        traces=_traces(settings),
    )


@dataclass(frozen=True)
class Identities:
    """Who each viewer of a run is.

    Args:
        sources: local addresses to connect from.
        sessions: what each viewer's player is.
        links: of viewers with a link of their own.
    """

    settings: Settings
    lists: Lists
    sources: AddressPool
    sessions: Sessions
    links: AccessRates | None = None

    @classmethod
    def of(cls, settings: Settings, lists: Lists) -> "Identities":
        """What the settings and their files say."""
        sources, sessions = parse_source_addresses(settings.source_address), Sessions(settings)
        text, links = settings.access_rate, None
        if text is not None:
            links = AccessRates(parse_access_rates(text), lists.traces, settings.seed)
        return cls(settings, lists, sources, sessions, links)

    def url(self, viewer: int, text: str | None = None) -> str:
        """What the viewer with this number asks for first: the settings' URL, or another with the same places in it."""
        return self._filled(self.settings.url if text is None else text, viewer)

    def rate(self, viewer: int, now: float) -> Rate | None:
        """The viewer's own link, as it is at the instant `now`; None: it has none."""
        return None if self.links is None else self.links.rate(viewer, now)

    def identity(self, viewer: int) -> Identity:
        """What the viewer with this number shows of itself, where that is not what all viewers show."""
        settings, agents = self.settings, self.lists.user_agents
        agent = agents[viewer % len(agents)] if agents else settings.user_agent
        own_agent = agents or _has_place(agent)
        return Identity(
            user_agent=self._filled(agent, viewer) if own_agent else None,
            headers=tuple((name, self._filled(value, viewer)) for name, value in settings.headers if _has_place(value)),
            source_address=self.sources.address_of(viewer),
            secret=self._token(viewer),
            origins=tuple(self._filled(url, viewer) for url in settings.urls if has_own_host(url)),
            http2=self._http2(viewer),
            http3=self._http3(viewer),
        )

    def _http2(self, viewer: int) -> Http2:
        match self.settings.http:
            case "1.1" | "3":  # what is not over TLS can not be over QUIC
                return Http2.NEVER
            case "2":
                return Http2.REQUIRED
            case "auto":
                profile = self.sessions.profile(viewer)
                rules = profile.low_latency if profile.wants_low_latency else None
                takes_it = profile.speaks_http2 or (rules is not None and rules.wants_http2)
                return Http2.OFFERED if takes_it else Http2.NEVER

    def _http3(self, viewer: int) -> Http3:
        match self.settings.http:
            case "3":
                return Http3.REQUIRED
            case "auto":
                return Http3.ADVERTISED if self.sessions.profile(viewer).speaks_http2 else Http3.NEVER
            case "1.1" | "2":
                return Http3.NEVER

    def _token(self, viewer: int) -> str | None:
        tokens = self.lists.tokens
        return tokens[viewer % len(tokens)] if tokens else None

    def _filled(self, text: str, viewer: int) -> str:
        if not _has_place(text):
            return text
        text = text.replace(_VIEWER, str(viewer))
        token = self._token(viewer)
        return text if token is None else text.replace(_TOKEN, token)


def _traces(settings: Settings) -> dict[str, tuple[tuple[float, float], ...]]:
    found = {}
    kinds = parse_access_rates(settings.access_rate) if settings.access_rate is not None else ()
    for name in {kind.trace for kind, _ in kinds if kind.trace}:
        lines = _lines("access_rate", name, spaces=True)
        try:
            found[name] = read_trace(lines)
        except ValueError as error:
            raise SettingValueError("access_rate", f"{name} {error}") from None
    return found


def has_own_host(url: str) -> bool:
    """Whether a URL's host or port is each viewer's own."""
    return _has_place(urlsplit(url).netloc)


def _has_place(text: str) -> bool:
    return _TOKEN in text or _VIEWER in text


def _lines(field: str, name: str | None, *, spaces: bool) -> tuple[str, ...]:
    if name is None:
        return ()
    try:
        with Path(name).open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"--{field.replace('_', '-')}: {name} can not be read: {error.strerror}") from None
    if len(data) > _MAX_FILE_BYTES:
        raise SettingValueError(field, f"{name} is larger than {_MAX_FILE_BYTES >> 20} MiB")
    lines: list[str] = []
    for number, raw in enumerate(data.splitlines(), 1):
        line = raw.strip()
        if not line:
            continue
        if not line.isascii() or any(byte < (0x20 if spaces else 0x21) or byte == 0x7F for byte in line):
            what = "characters outside printable ASCII" if spaces else "a space or characters outside printable ASCII"
            raise SettingValueError(field, f"{name}, line {number} has {what}")
        lines.append(line.decode("ascii"))
    if not lines:
        raise SettingValueError(field, f"{name} has no line with anything in it")
    return tuple(lines)
