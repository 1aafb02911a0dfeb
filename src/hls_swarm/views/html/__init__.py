"""Reports and comparisons as one HTML file that opens offline."""

from hls_swarm.views.html.page import comparison_html, report_html

__all__ = ["comparison_html", "report_html"]
