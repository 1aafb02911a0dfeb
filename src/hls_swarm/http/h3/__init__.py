"""HTTP/3 (RFC 9114) over QUIC, whose transport is an extra: frames, fields without a dynamic table, connections."""
