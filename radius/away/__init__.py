"""What RADIUS does while the store is away: journal, backlog, replay, and admission alone."""
