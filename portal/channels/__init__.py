"""Gateways without RADIUS: their controllers and agents, counted and told whom to put out."""
