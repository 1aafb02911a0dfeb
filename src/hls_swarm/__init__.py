"""Load an HLS origin with realistic viewers and show the origin's own metrics beside their experience."""

__version__ = "0.1.0"
