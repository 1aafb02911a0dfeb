"""TLS: contexts and sessions."""
