"""The service that carries out the actions on users."""

from tenantry.users.service import UserService

__all__ = ["UserService"]
