"""What the origin tells of itself: its access log, its counts, its metrics pages."""
