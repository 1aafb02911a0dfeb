"""The settings of a run by topic: one class of fields, and what is checked of them, a module."""
