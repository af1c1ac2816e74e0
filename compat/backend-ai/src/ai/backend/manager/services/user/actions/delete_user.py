"""Delete a user softly: the record stays, the login ends."""

from tenantry.users.actions import DeleteUserAction

__all__ = ["DeleteUserAction"]
