"""The network admins' tools: the `hotspot` command, and how access points are rendered, planned and pushed."""
