"""What HTTP/2 and HTTP/3 have in common: answers that come side by side, and how their fields are written."""
