"""Who people are, what they hold and have said: the rows behind a person."""
