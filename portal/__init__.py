"""The captive portal: what a phone sees, and the gateways that have no RADIUS."""
