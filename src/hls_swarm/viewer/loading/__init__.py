"""What is loaded for it, and when."""
