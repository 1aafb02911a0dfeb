"""What viewers met and told, as views show it."""
