"""Tenantry: the account system for multi-tenant data and compute platforms."""
