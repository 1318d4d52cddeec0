"""From probes to states, from states to figures."""
