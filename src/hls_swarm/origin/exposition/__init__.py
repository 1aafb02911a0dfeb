"""The text format in which exporters speak: pages to samples."""
