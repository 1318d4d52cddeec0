"""The processes and sockets under the portal: no page and no rule."""
