"""The services that Tenantry stands in for."""
