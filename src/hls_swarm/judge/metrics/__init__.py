"""Every metric of a run by name: what timeline, thresholds, comparison and report share."""
