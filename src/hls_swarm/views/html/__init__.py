"""Reports and comparisons as one HTML file that opens offline."""
