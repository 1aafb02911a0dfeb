"""The fetch path: one small HTTP client for viewers and for the scraper of the origin's metrics."""
