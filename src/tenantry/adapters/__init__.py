"""The outside world, one file a technology."""
