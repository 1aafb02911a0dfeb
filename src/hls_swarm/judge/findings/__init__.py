"""What happened to a run, whose doing it was and what to do next: rules over the timeline."""
