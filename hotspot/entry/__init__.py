"""What an entry of sites.toml is made of: kinds of values, their units, the lines they stand on. No entry itself."""
