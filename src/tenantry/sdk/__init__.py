"""The client: the same actions from another process."""
