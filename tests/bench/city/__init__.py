"""A city's day, compressed to minutes: its gateways' RADIUS traffic over a bad network against the real service."""
