"""Access keys: the API credentials of users."""
