"""Authentication: who is asking, proved by a credential."""
