"""Groups: users inside a tenant."""
