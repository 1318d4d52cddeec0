"""The city's revisions, and what its access points and agents were told."""
