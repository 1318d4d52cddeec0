"""The portal's commands, one group each; nothing here is imported by the portal itself."""
