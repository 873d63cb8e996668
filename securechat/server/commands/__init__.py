"""What each command does: one file per family, gathered in one table."""
