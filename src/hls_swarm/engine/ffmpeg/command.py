"""Settings to the command line of one ffmpeg viewer; which of them ffmpeg can not be told, and so are refused.

Rules:

- Nothing is decoded: streams are copied to the null muxer.
- Options that stand before `-i` reach the first request; of these the HLS demuxer hands on header fields, proxy,
  User-Agent, cookies and `-rw_timeout` to every later one, and nothing else. What it does not hand on is not offered:
  a local address, a client's certificate, trust in any certificate.
- A live stream is paced by its playlist. A VOD stream would be downloaded as fast as it comes, so it is read at the
  speed of play, after a first burst where the binary knows how.
"""

import shlex
from urllib.parse import urlsplit, urlunsplit

import msgspec

from hls_swarm import __version__
from hls_swarm.engine.ffmpeg.binary import FfmpegBinary
from hls_swarm.http.options import Identity
from hls_swarm.settings.checks import SettingValueError
from hls_swarm.settings.network import parse_override
from hls_swarm.settings.run import Settings
from hls_swarm.settings.spellings import VariantKind, parse_variant

NO_CACHE = (("Cache-Control", "no-cache"), ("Pragma", "no-cache"))
FIRST_STREAMS = ("0:v:0?", "0:a:0?")
"""First video and first audio, where there are any."""
PACE = "-readrate"
"""Holds a viewer to the speed of play."""
BURST_TARGET_DURATIONS = 3
"""Media that a VOD viewer reads before it is held to the speed of play: what a player has in its buffer."""


class FfmpegPlan(msgspec.Struct, frozen=True):
    """What all ffmpeg viewers of a run have in common, found out before the first is started.

    Attributes:
        binary: which plays.
        maps: what it plays of the stream.
        paced: whether it must be held to the speed of play: the stream has an end.
    """

    binary: FfmpegBinary
    maps: tuple[str, ...] = FIRST_STREAMS
    paced: bool = False


def check_settings(settings: Settings, binary: FfmpegBinary, *, only: bool) -> None:
    """Refuse what this binary can not be told.

    Args:
        only: whether no viewer is a native one, so that a setting for these would do nothing.

    Raises:
        SettingValueError: naming the setting.
    """
    if settings.source_address:
        raise SettingValueError("source_address", "ffmpeg can not be told where to connect from: use native viewers")
    if settings.client_certificate is not None:
        raise SettingValueError(
            "client_certificate", "ffmpeg shows it for the first playlist only: use native viewers, or a proxy"
        )
    if settings.insecure and binary.verifies:
        raise SettingValueError(
            "insecure", f"ffmpeg {binary.version} checks the certificate of segments all the same: name a --ca-file"
        )
    if parse_variant(settings.variant).kind not in {
        VariantKind.ALL,
        VariantKind.FIRST,
        VariantKind.HIGHEST,
        VariantKind.LOWEST,
    }:
        raise SettingValueError("variant", f"ffmpeg viewers play all, highest, lowest or first, not {settings.variant}")
    if settings.ffmpeg_segment_retries is not None and "seg_max_retry" not in binary.options:
        raise SettingValueError(
            "ffmpeg_segment_retries",
            f"ffmpeg {binary.version} has no -seg_max_retry: leave it out, or use 6.0 or newer",
        )
    if settings.ffmpeg_reconnect and "reconnect_on_network_error" not in binary.options:
        raise SettingValueError(
            "ffmpeg_reconnect", f"ffmpeg {binary.version} can not: leave it out, or use a newer one"
        )
    for field in ("zap_url", "pause_every", "seek_every", "loop"):
        if getattr(settings, field):
            raise SettingValueError(field, "is for native viewers: ffmpeg plays straight on")
    if settings.join != "live":
        raise SettingValueError("join", "is for native viewers: ffmpeg joins three segments before the live edge")
    if only:
        if settings.strict:
            raise SettingValueError("strict", "is for native viewers: ffmpeg reads playlists as it does")
        for field in ("timeout", "connect_timeout", "first_byte_timeout", "no_progress_timeout"):
            if getattr(settings, field) is not None:
                raise SettingValueError(field, "ffmpeg knows one time limit only: use --ffmpeg-timeout")
    _resolved(settings, settings.url)


def input_arguments(settings: Settings, identity: Identity, url: str, viewer: str) -> tuple[str, ...]:
    """What stands before and with `-i`: how the origin is asked, by a viewer with this number or name."""
    agent = identity.user_agent or f"{settings.user_agent or f'hls-swarm/{__version__} ffmpeg'} (viewer {viewer})"
    url, host = _resolved(settings, url)
    own = {name.lower() for name, _ in identity.headers}
    fields = [
        *host,
        *(NO_CACHE if settings.no_cache else ()),
        *((name, value) for name, value in settings.headers if name.lower() not in own),
        *identity.headers,
    ]
    arguments = ["-user_agent", agent]
    if settings.ffmpeg_timeout:
        arguments += ["-rw_timeout", str(round(settings.ffmpeg_timeout * 1e6))]
    if fields:
        arguments += ["-headers", "".join(f"{name}: {value}\r\n" for name, value in fields)]
    if settings.proxy is not None:
        arguments += ["-http_proxy", settings.proxy]
    if settings.ca_file is not None and url.startswith("https:"):
        arguments += ["-ca_file", settings.ca_file]
    if settings.ffmpeg_reconnect:
        arguments += ["-reconnect", "1", "-reconnect_streamed", "1", "-reconnect_on_network_error", "1"]
        arguments += ["-reconnect_delay_max", str(max(1, round(settings.ffmpeg_reconnect_delay)))]
    if settings.ffmpeg_segment_retries is not None:
        arguments += ["-seg_max_retry", str(settings.ffmpeg_segment_retries)]
    return (*arguments, "-i", url)


def player_command(
    plan: FfmpegPlan, settings: Settings, identity: Identity, url: str, viewer: int, progress: str = "pipe:1"
) -> tuple[str, ...]:
    """The whole command line of the viewer with this number."""
    stamp = "datetime+" if plan.binary.stamps else ""
    pace: tuple[str, ...] = ()
    if plan.paced and "readrate" in plan.binary.options:
        pace = (PACE, "1")
        if "readrate_initial_burst" in plan.binary.options:
            burst = BURST_TARGET_DURATIONS * settings.ffmpeg_target_duration
            pace += ("-readrate_initial_burst", f"{burst:g}")
    # A live segment is read within milliseconds, then nothing for seconds: reports by packet must be as frequent.
    period = "0.001" if plan.binary.reports_by_packet and not plan.paced else "1"
    return (
        plan.binary.path,
        *("-hide_banner", "-nostdin", "-nostats", "-loglevel", f"repeat+level+{stamp}trace"),
        *("-progress", progress, "-stats_period", period),
        *pace,
        *input_arguments(settings, identity, url, str(viewer)),
        *(part for stream in plan.maps for part in ("-map", stream)),
        *("-c", "copy", "-f", "null", "-"),
    )


def environment(settings: Settings) -> dict[str, str]:
    """Variables that a viewer's process needs on top of ours.

    OpenSSL builds read the authorities of segment requests from here, since `-ca_file` reaches the first request only.
    """
    return {} if settings.ca_file is None else {"SSL_CERT_FILE": settings.ca_file}


def pasteable(command: tuple[str, ...], variables: dict[str, str]) -> str:
    """The command as one line that a POSIX shell, or bash where there are line breaks to quote, reads back the same."""
    quoted = [_quoted(part) for part in command]
    return " ".join([*(f"{name}={shlex.quote(value)}" for name, value in variables.items()), *quoted])


def _quoted(part: str) -> str:
    if "\r" not in part and "\n" not in part:
        return shlex.quote(part)
    escaped = part.replace("\\", "\\\\").replace("'", "\\'").replace("\r", "\\r").replace("\n", "\\n")
    return f"$'{escaped}'"


def _resolved(settings: Settings, url: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The URL with the address of `--resolve` in it, and the Host field that says the name.

    Raises:
        SettingValueError: ffmpeg can not be told this one.
    """
    if not settings.resolve:
        return url, ()
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        raise SettingValueError(
            "resolve", "ffmpeg can not ask an address over TLS for another name: use native viewers"
        )
    if len(settings.resolve) > 1:
        raise SettingValueError("resolve", "ffmpeg viewers can be told one address, that of the URL's host")
    name, port, addresses = _split_override(parse_override(settings.resolve[0], host))
    own_port = parts.port or 80
    if name.lower() != host.lower() or port not in {"*", str(own_port)} or "," in addresses:
        raise SettingValueError("resolve", "ffmpeg viewers can be told one address, that of the URL's host")
    address = addresses.strip("[]")
    shown = f"[{address}]" if ":" in address else address
    userinfo, at, named = parts.netloc.rpartition("@")
    netloc = f"{userinfo}{at}{shown}:{own_port}"
    return urlunsplit(parts._replace(netloc=netloc)), (("Host", named),)


def _split_override(override: str) -> tuple[str, str, str]:
    if override.startswith("["):
        name, _, rest = override[1:].partition("]:")
    else:
        name, _, rest = override.partition(":")
    port, _, addresses = rest.partition(":")
    return name, port, addresses
