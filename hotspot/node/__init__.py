"""What runs on a machine whatever its service: processes, logs, terminal, clocks, leases, jobs."""
