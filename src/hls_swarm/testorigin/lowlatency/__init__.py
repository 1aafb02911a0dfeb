"""A live stream at low latency: parts, blocking reloads, hints, delta updates (8216bis)."""
