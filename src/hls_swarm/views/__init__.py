"""A snapshot in, text or pixels out."""
