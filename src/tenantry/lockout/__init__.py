"""Lockout: attempts are counted before a credential is verified."""
