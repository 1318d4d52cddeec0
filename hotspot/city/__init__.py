"""What the city is: the text of sites.toml -> Inventory, with every fault's path and line. Gateway kinds are in
`nas`."""
