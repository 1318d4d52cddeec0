"""SSH: connections, host keys, commands with bounds."""
