"""Users: the people and programs that have an account."""
