"""What is shown of it: the dashboard and /metrics."""
