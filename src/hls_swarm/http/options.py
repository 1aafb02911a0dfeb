"""What all viewers of one process have in common, and what tells one from another."""

from enum import StrEnum

import msgspec

from hls_swarm import __version__


class TlsOptions(msgspec.Struct, frozen=True):
    """How https is spoken.

    Attributes:
        ca_file: PEM file of accepted authorities instead of the system's.
        insecure: accept any certificate.
        certificate, key: PEM files of a client certificate and its key; the key may be in the certificate's file.
        verify_share: share of the bodies over TLS 1.3 that are decrypted and authenticated whole, 0 to 1; of the
            others only what must be is. See `tls.skipping`.
    """

    ca_file: str | None = None
    insecure: bool = False
    certificate: str | None = None
    key: str | None = None
    verify_share: float = 0.01


class Limits(msgspec.Struct, frozen=True):
    """Time limits in seconds that take the place of each request's own; None keeps these. See `Timeouts`."""

    connect: float | None = None
    first_byte: float | None = None
    no_progress: float | None = None


class ClientOptions(msgspec.Struct, frozen=True):
    """What all viewers of one process have in common.

    Attributes:
        headers: default header fields, in order; a name that the client sends itself is replaced where it stands.
        resolve: addresses to connect to instead of what DNS says: `host:port:address[,address...]`, as curl's
            `--resolve`; `*` stands for any host or any port, and an IPv6 host is in brackets.
        proxy: `http://[user:password@]host:port` to go through (RFC 9110 7.7): absolute-form for http, CONNECT for
            https.
        connections_per_host: as browsers open over HTTP/1.1.
        redirects: how many of them one fetch follows (RFC 9110 15.4).
        origins: URLs that the user wrote. What is secret goes to their origins only; without any, to that of each
            request. See `reach`.
        trusted_hosts: hosts that get what is secret too, as `host` or `host:port`.
        only_hosts: hosts that are asked, besides those of the origins; none is all hosts.
        sensitive_headers: names of header fields that are secret, besides those that are known to be.
    """

    user_agent: str = f"hls-swarm/{__version__}"
    headers: tuple[tuple[str, str], ...] = ()
    resolve: tuple[str, ...] = ()
    tls: TlsOptions = TlsOptions()
    proxy: str | None = None
    limits: Limits = Limits()
    connections_per_host: int = 6
    redirects: int = 10
    origins: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    only_hosts: tuple[str, ...] = ()
    sensitive_headers: tuple[str, ...] = ()


class Http2(StrEnum):
    """Whether a client speaks HTTP/2."""

    NEVER = "never"
    OFFERED = "offered"  # over TLS, if the server wants it too (ALPN, RFC 7301)
    REQUIRED = "required"  # without TLS as well, with prior knowledge (RFC 9113 3.3)


class Http3(StrEnum):
    """Whether a client speaks HTTP/3, which is spoken over TLS only; needs an extra."""

    NEVER = "never"
    ADVERTISED = "advertised"  # where a server offers it (Alt-Svc), as browsers do, and the extra is installed
    REQUIRED = "required"  # for whatever is asked for over https


class Identity(msgspec.Struct, frozen=True):
    """What tells one viewer from another, as seen from the origin.

    Attributes:
        user_agent: instead of the common one.
        headers: more header fields; they replace common ones of the same name.
        source_address: local address to connect from.
        secret: a text in its URLs that no exchange shows: there it reads `***`.
        origins: URLs that the user wrote for this viewer alone; see `ClientOptions`.
        http2, http3: whether its player speaks that.
    """

    user_agent: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    source_address: str | None = None
    secret: str | None = None
    origins: tuple[str, ...] = ()
    http2: Http2 = Http2.NEVER
    http3: Http3 = Http3.NEVER
