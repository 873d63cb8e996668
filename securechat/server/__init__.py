"""Who is connected, what they may do, and who gets to see what happened."""
