"""What the numbers mean: thresholds, verdict, events, timeline, summary, comparison."""
