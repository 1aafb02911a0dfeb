"""Pages to signals: one table per exporter."""
