"""Serves it: connections, and the answers that go over them."""
