"""What the actions carry and answer."""

from tenantry.users.model import UserCreator, UserData
from tenantry.users.purging import UserInfoContext

__all__ = ["UserCreator", "UserData", "UserInfoContext"]
