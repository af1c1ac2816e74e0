"""Test tools of the manager."""
