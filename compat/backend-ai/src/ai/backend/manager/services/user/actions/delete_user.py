"""Delete a user softly: the record stays, the login ends."""

from tenantry.users.actions import DeleteUserAction
from tenantry.users.actions import UserResult as DeleteUserActionResult

__all__ = ["DeleteUserAction", "DeleteUserActionResult"]
