"""Being let in and staying: grants, tickets, sessions, usage, orders."""
