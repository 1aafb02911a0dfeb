"""HTTP/2 (RFC 9113): frames, fields without a dynamic table, and connections that carry many answers at once."""
