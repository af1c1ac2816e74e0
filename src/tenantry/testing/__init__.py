"""What tests of and with Tenantry need."""
