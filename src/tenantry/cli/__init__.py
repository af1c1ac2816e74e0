"""The command line, derived from the actions."""
