"""One processor an action, each awaited with `wait_for_complete`."""

from tenantry.users.processors import UserProcessors

__all__ = ["UserProcessors"]
