"""How fast the RADIUS server is, beside others, on one machine and the same packets (`make bench-radius`)."""
