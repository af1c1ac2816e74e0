"""Change what was said about a user, and nothing else."""

from tenantry.users.actions import ModifyUserAction
from tenantry.users.actions import UserResult as ModifyUserActionResult
from tenantry.users.model import UserModifier

__all__ = ["ModifyUserAction", "ModifyUserActionResult", "UserModifier"]
