"""The controller's commands; pyproject.toml names them under `hotspot.commands`."""
