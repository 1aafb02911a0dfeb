"""What one viewer does (pure)."""
