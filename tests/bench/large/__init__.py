"""A million visits: what grows with a city's history, and what must not (`make bench-large`)."""
