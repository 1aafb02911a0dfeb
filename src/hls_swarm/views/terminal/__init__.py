"""Lines and tables on a terminal: the run as it goes on, its summary, a report."""
