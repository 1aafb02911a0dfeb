"""This machine: its limits before a run, its processor and links during one."""
