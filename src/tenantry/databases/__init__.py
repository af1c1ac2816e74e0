"""Managed databases: servers that enforce what is granted here."""
