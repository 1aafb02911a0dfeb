"""Where workers run: on this machine; other machines use the same seam."""
