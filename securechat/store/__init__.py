"""What is kept: the journal of events, accounts with their credentials, and records."""
