"""Create a user."""

from tenantry.users.actions import CreateUserAction
from tenantry.users.actions import UserResult as CreateUserActionResult

__all__ = ["CreateUserAction", "CreateUserActionResult"]
