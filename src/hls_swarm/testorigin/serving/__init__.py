"""Serves it: connections, answers, faults on demand."""
