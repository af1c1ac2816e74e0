"""Measurements of Tenantry, each against a bare reference in the same run: `python -m bench`."""
