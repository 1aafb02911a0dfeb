"""What players tell of themselves with each request, and beside them (CMCD, CTA-5004)."""
