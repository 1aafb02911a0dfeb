"""Opening a connection: whom a name leads to, who may be asked, TCP, a proxy's tunnel, TLS."""
