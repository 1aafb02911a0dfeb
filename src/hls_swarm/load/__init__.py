"""How many viewers, and when (pure)."""
