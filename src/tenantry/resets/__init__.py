"""Resets: setting a password with a one-time token in the place of the old password."""
