"""Which streams there are, and which is played."""
