"""What a fetch asks on each of its hops: a request line, header fields, and what is secret among them.

Rules:

- What is secret is told to the origin that the fetch began with, or, where a client is confined to some, to these.
- HTTP/2 and HTTP/3 have the same fields as a block; only HTTP/1.1 carries a request body, see `Request.body`.
"""

from hls_swarm.http.asking.fields import FieldBlock, FieldCoding
from hls_swarm.http.asking.target import Target, queried
from hls_swarm.http.fetcher import Request
from hls_swarm.http.seam import Owner


class Asking:
    """A fetch, as far as it asks.

    Attributes:
        _fields: of every hop.
        _home: where it began.
        _hops: redirects that were followed.
    """

    __slots__ = ("_client", "_fields", "_home", "_hops", "_request")

    _client: Owner
    _request: Request
    _fields: FieldBlock
    _home: Target | None
    _hops: int

    def _is_home(self, target: Target) -> bool:
        """Whether this is the origin that the fetch began with."""
        return self._home is not None and target.route == self._home.route

    def _is_told_all(self, target: Target) -> bool:
        """Whether what is secret may be told there."""
        return target.trusted if self._client.context.reach.confines else self._is_home(target)

    def _request_bytes(self, target: Target) -> bytes:
        return b"".join((self._request_head(target), b"\r\n", self._request.body or b""))

    def _request_line(self, target: Target) -> bytes:
        request = self._request
        line = target.request_line if request.query is None or self._hops else queried(target, request.query)
        return line if request.body is None else b"POST" + line[3:]

    def _request_head(self, target: Target) -> bytes:
        """All of a request's head but its empty line."""
        request, block = self._request, self._fields
        client = self._client
        at_home = self._is_told_all(target)
        names = block.names
        parts = [self._request_line(target)]
        if "host" not in names or not at_home:
            parts.append(target.host_line)
        parts.append(block.full if at_home else block.public)
        if request.byte_range is not None:
            first, length = request.byte_range
            parts.append(b"Range: bytes=%d-%d\r\n" % (first, first + length - 1))
        cookies = None if at_home and "cookie" in names else client.cookies(target)
        if cookies is not None:
            parts.append(f"Cookie: {cookies}\r\n".encode("latin-1"))
        authorization = client.authorization(target)
        if authorization is not None and not (at_home and "authorization" in names):
            parts.append(b"Authorization: %s\r\n" % authorization.encode("ascii"))
        if not target.route.tls:
            parts.append(client.context.proxy_fields)
        if request.body is not None:
            parts.append(b"Content-Length: %d\r\n" % len(request.body))
        return b"".join(parts)

    def _request_block(self, target: Target, coding: FieldCoding) -> bytes:
        """The same as a block of fields."""
        request, block, client = self._request, self._fields, self._client
        at_home = self._is_told_all(target)
        names = block.names
        authority = target.host_line[6:-2].decode("ascii")
        if at_home and "host" in names:
            authority = next(value for name, value in block.fields if name.lower() == "host")
        parts = [
            coding.request_block(self._request_line(target)[4:-11].decode("ascii"), authority, tls=target.route.tls),
            coding.block_literals(block.fields if at_home else block.shared),
        ]
        more: list[tuple[str, str]] = []
        if request.byte_range is not None:
            first, length = request.byte_range
            more.append(("range", f"bytes={first}-{first + length - 1}"))
        cookies = None if at_home and "cookie" in names else client.cookies(target)
        if cookies is not None:
            more.append(("cookie", cookies))
        authorization = client.authorization(target)
        if authorization is not None and not (at_home and "authorization" in names):
            more.append(("authorization", authorization))
        if more:
            parts.append(coding.field_literals(tuple(more)))
        return b"".join(parts)
