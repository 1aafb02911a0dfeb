"""Which stream is played, and going to another one: after a failure, by bandwidth, or where a steering server says."""
