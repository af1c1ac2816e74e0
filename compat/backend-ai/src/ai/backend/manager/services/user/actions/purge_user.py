"""Remove a user for good, with everything outside that belongs to the user."""

from tenantry.users.actions import PurgeResult as PurgeUserActionResult
from tenantry.users.actions import PurgeUserAction

__all__ = ["PurgeUserAction", "PurgeUserActionResult"]
