"""Records to numbers, and the one snapshot that every view draws (pure)."""
