"""Create a user."""

from tenantry.users.actions import CreateUserAction

__all__ = ["CreateUserAction"]
