"""HTTP/2 as the origin serves it: a session without I/O, and the connection around it (RFC 9113)."""
