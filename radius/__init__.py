"""RADIUS as gateways see it: authentication of tickets, accounting into the ledger, disconnects by order."""
