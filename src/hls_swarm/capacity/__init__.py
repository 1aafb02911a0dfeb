"""How many viewers an origin carries, and what of it gives out first (pure)."""
