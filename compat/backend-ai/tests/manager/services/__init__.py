"""Test tools of the services."""
