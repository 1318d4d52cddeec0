"""What the city can know of its WiFi: probes, states, usage, the dashboard and the coverage reports.

`uptime`, `usage`, `coverage` and `period` are pure; `prober`, `jobs`, `freeze`, `web` and `service` are the shells.
"""
