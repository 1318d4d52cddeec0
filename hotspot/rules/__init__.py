"""What rows mean together: who is admitted, watched, put out, erased, and when. Statements are in `store`."""
