"""How viewers connect: time limits, version of HTTP, addresses, proxy and TLS."""

from dataclasses import dataclass
from typing import Literal, get_args

from hls_swarm.settings.checks import (
    SettingValueError,
    check_choice,
    check_file_name,
    check_more_than_zero,
    check_spelling,
    check_url,
)
from hls_swarm.settings.kinds import Seconds
from hls_swarm.settings.network import parse_source_addresses

HttpVersion = Literal["auto", "1.1", "2", "3"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Connections:
    """How viewers reach the origin."""

    connect_timeout: Seconds | None = None
    """Time limit of DNS, TCP and TLS together; by default 10s."""

    first_byte_timeout: Seconds | None = None
    """Time limit from a request to the first byte of its answer; by default the player's own limits."""

    no_progress_timeout: Seconds | None = None
    """Longest pause between two arrivals of body bytes; by default no limit but the whole one."""

    http: HttpVersion = "auto"
    """Version of HTTP that viewers speak: auto is what their players would do with what the server offers (hls.js and
    Shaka HTTP/2 over TLS, and with the extra http3 HTTP/3 where Alt-Svc says so; steady HTTP/2 over TLS with --latency
    low; Media3 and ffmpeg HTTP/1.1), 1.1, or 2, without TLS with prior knowledge, or 3, over QUIC to the URL's own port
    (extra http3)."""

    resolve: tuple[str, ...] = ()
    """Connect to this address instead of what DNS says for the URL's host, or host:port:address[,address] for any
    other host, * for any port; repeatable; needs --dangerous."""

    source_address: tuple[str, ...] = ()
    """Local address to connect from, a range 10.0.0.10-10.0.0.20 or a network 10.0.0.0/24; repeatable. Viewers take
    them in turn, which allows more than 28,000 connections to one address."""

    proxy: str | None = None
    """Proxy for all viewers, as http://[user:password@]host:port."""

    ca_file: str | None = None
    """PEM file of the authorities that may certify the origin, instead of the system's."""

    client_certificate: str | None = None
    """PEM file of the certificate that viewers show to the origin."""

    client_key: str | None = None
    """PEM file of its private key, if it is not in the certificate's file."""

    insecure: bool = False
    """Accept any certificate of the origin; needs --dangerous."""

    verify_bodies: float = 1.0
    """Percentage of the segments over TLS 1.3 that are decrypted and authenticated whole; the others are counted, and
    only what must be is decrypted."""

    dangerous: bool = False
    """Allow settings that can send load to somewhere other than the URL says."""

    def _check_connections(self) -> None:
        for field in ("connect_timeout", "first_byte_timeout", "no_progress_timeout"):
            if (limit := getattr(self, field)) is not None:
                check_more_than_zero(field, limit, "")
        for field in ("ca_file", "client_certificate", "client_key"):
            if (name := getattr(self, field)) is not None:
                check_file_name(field, name)
        if self.client_key is not None and self.client_certificate is None:
            raise SettingValueError("client_key", "is the key of a --client-certificate: name that too")
        if self.proxy is not None:
            check_url("proxy", self.proxy)
            if not self.proxy.lower().startswith("http://"):
                raise SettingValueError("proxy", "must start with http://: the proxy itself is asked in plain HTTP")
        check_choice("http", self.http, get_args(HttpVersion))
        if not 0 <= self.verify_bodies <= 100:
            raise SettingValueError("verify_bodies", f"must be from 0 to 100 percent, not {self.verify_bodies:g}")
        check_spelling("source_address", parse_source_addresses, self.source_address)
        if self.resolve and not self.dangerous:
            raise SettingValueError(
                "resolve", "sends the load elsewhere than the URL says: add --dangerous if that is meant"
            )
        if self.insecure and not self.dangerous:
            raise SettingValueError(
                "insecure", "lets anybody be the origin: add --dangerous if that is meant, or name a --ca-file"
            )
