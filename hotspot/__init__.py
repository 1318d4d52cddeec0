"""The domain of a city's public WiFi: people, sites, plans, grants, sessions, and the stores that keep them.

It imports no service; `portal`, `radius`, `controller` and `telemetry` import it and never each other.
"""

__version__ = "0.1.0"
