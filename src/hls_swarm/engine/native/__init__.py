"""Viewers of our own: the shell around the pure viewer, and what tells one from another."""
