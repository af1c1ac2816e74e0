"""The HTTP API, derived from the actions."""
