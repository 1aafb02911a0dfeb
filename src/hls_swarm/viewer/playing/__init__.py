"""What the person sees: playhead, buffer, stalls, latency."""
