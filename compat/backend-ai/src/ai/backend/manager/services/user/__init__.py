"""The user service: actions, types, service and processors of Tenantry."""
