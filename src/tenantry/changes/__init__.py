"""What has changed that decides on access, in order, for other servers and for caches."""
