"""What RouterOS needs, whatever its kind: transport, trial, backup, packages."""
