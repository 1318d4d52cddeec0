"""How the portal calls others over HTTP: with a deadline, a bound on bytes, and patience."""
