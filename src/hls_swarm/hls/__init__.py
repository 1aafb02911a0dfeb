"""What a playlist says (pure)."""
