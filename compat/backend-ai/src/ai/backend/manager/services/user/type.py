"""What the actions carry and answer."""

from tenantry.users.model import UserCreator, UserData, UserModifier, UserRole, UserStatus

__all__ = ["UserCreator", "UserData", "UserModifier", "UserRole", "UserStatus"]
