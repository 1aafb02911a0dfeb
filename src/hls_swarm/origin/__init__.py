"""What the origin says of itself: its exporters' pages, and the signals computed from them."""
