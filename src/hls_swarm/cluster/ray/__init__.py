"""What connects the machines: Ray, an extra. Only `bridge` and `actor` import it, each in a process of its own."""
