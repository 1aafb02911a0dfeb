"""What the command line starts, a module for each command."""
