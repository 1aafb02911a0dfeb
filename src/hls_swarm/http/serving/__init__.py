"""Servers of small pages for the programs of one's own people, and whom they answer."""
