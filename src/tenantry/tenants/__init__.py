"""Tenants: the wall between customers, who is behind it, and which databases are."""
