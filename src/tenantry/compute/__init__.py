"""Compute: agents, and the compute sessions that run on them."""
