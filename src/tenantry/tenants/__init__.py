"""Tenants: the wall between customers."""
