"""What a request says: its target, its fields, its cookies."""
