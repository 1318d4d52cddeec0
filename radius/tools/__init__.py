"""What admins run: decode, status, sessions and orders."""
