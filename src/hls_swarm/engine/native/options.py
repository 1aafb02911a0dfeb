"""Settings to what clients have in common, and whether they can be as the settings say."""

from urllib.parse import urlsplit

import msgspec

from hls_swarm.engine.native.identities import has_own_host, read_lists
from hls_swarm.http.h1.content import READABLE
from hls_swarm.http.options import ClientOptions, Limits, TlsOptions
from hls_swarm.settings.checks import SettingValueError
from hls_swarm.settings.network import parse_override
from hls_swarm.settings.run import Settings

NO_CACHE = (("Cache-Control", "no-cache"), ("Pragma", "no-cache"))


def client_options(settings: Settings) -> ClientOptions:
    """What all viewers have in common.

    URLs with a place for a viewer's own text in their host are not among the origins: they are each viewer's identity.
    """
    host = urlsplit(settings.url).hostname or ""
    options = ClientOptions(
        headers=(NO_CACHE if settings.no_cache else ()) + settings.headers,
        resolve=_overrides(settings, host),
        tls=TlsOptions(
            settings.ca_file,
            settings.insecure,
            settings.client_certificate,
            settings.client_key,
            settings.verify_bodies / 100,
        ),
        proxy=settings.proxy,
        limits=Limits(settings.connect_timeout, settings.first_byte_timeout, settings.no_progress_timeout),
        origins=tuple(url for url in settings.urls if not has_own_host(url)),
        trusted_hosts=settings.trust_host,
        only_hosts=settings.only_host,
        sensitive_headers=settings.sensitive_header,
    )
    return msgspec.structs.replace(options, user_agent=settings.user_agent) if settings.user_agent else options


def collector_options(settings: Settings, url: str) -> ClientOptions:
    """What clients of a collector have in common: the way to it, and that no other host is asked."""
    options = client_options(settings)
    return msgspec.structs.replace(
        options, headers=(), origins=(url,), trusted_hosts=(), only_hosts=(urlsplit(url).hostname or "",), redirects=0
    )


def check_clients(settings: Settings) -> None:
    """Look at what the clients are to send and at the files that they need, before anything is started.

    Raises:
        SettingsError: something that can not be used.
    """
    _check_codings("header", settings.headers)
    _check_codings("origin_metrics_header", settings.origin_metrics_headers)
    read_lists(settings)
    tls = client_options(settings).tls
    # Not above: whoever checks makes no client, which takes a tenth of a second to import.
    if tls != TlsOptions():
        from hls_swarm.http.tls.context import tls_context

        tls_context(tls)
    if settings.http == "3":
        from hls_swarm.http.h3.driver import QuicSetup

        QuicSetup(tls)


def _check_codings(field: str, headers: tuple[tuple[str, str], ...]) -> None:
    """Refuse to ask for a content coding that can not be read: a playlist in it would be of no use."""
    for name, value in headers:
        if name.lower() != "accept-encoding":
            continue
        codings = {coding.partition(";")[0].strip().lower() for coding in value.split(",")}
        unreadable = sorted(codings - READABLE - {""})
        if unreadable:
            raise SettingValueError(
                field,
                f"Accept-Encoding asks for {', '.join(unreadable)}, which can not be read here: "
                "leave it to gzip, deflate and identity",
            )


def _overrides(settings: Settings, host: str) -> tuple[str, ...]:
    """Of several for one host and port, all addresses count: they become one override."""
    merged: dict[str, list[str]] = {}
    for text in settings.resolve:
        override = parse_override(text, host)
        end = override.index("]:") + 2 if override.startswith("[") else override.index(":") + 1
        place = override[: override.index(":", end)]
        merged.setdefault(place, []).append(override[len(place) + 1 :])
    return tuple(f"{place}:{','.join(addresses)}" for place, addresses in merged.items())
