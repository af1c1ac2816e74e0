"""The client: the same actions from another process."""

from tenantry.sdk.account_manager import AccountManager
from tenantry.sdk.client import Client

__all__ = ["AccountManager", "Client"]
