"""Request times of a plain nginx: its access log read as it grows, and served as a metrics page."""
