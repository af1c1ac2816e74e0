"""The built-in roles and the states of users."""

from tenantry.users.model import UserRole, UserStatus

__all__ = ["UserRole", "UserStatus"]
