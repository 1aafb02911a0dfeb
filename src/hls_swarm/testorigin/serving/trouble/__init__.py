"""What goes wrong on purpose: faults on demand, limits, what scripts of other origins are told."""
