"""Playing by parts: blocking reloads, preload hints, delta updates (8216bis 6.3), as each player does it."""
