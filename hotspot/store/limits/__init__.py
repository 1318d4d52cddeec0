"""What is counted of one sender, so that nobody empties what is shared."""
