"""What a person asks for: the settings of a run, how their values are written, and what is checked of them."""
