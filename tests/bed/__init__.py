"""A bed of network namespaces with a blank access point, clients, a portal's side and an internet."""
