"""What a run leaves behind: its folder, written while it goes on, and read again by reports and comparisons."""
