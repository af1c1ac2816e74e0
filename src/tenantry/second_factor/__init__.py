"""The second factor: one-time codes from a device, and recovery codes for when it is lost."""
