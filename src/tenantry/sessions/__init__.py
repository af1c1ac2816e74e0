"""Sessions: logins and their bearer tokens."""
