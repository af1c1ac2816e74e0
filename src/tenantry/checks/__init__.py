"""Whether somebody may: answered from memory while that is fresh, else from the database."""
