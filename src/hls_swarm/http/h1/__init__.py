"""HTTP/1.1: heads, bodies and connections."""
