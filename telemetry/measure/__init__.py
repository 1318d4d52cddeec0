"""How it is found out whether an access point is there."""
