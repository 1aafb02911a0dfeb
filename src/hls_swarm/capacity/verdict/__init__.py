"""What gave out first: the evidence, the suspects, and what is not known."""
