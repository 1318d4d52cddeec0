"""What is observed and counted: the telemetry database."""
