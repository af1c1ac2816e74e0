"""The clients: the same actions from another process, or in one's own."""

from tenantry.sdk.account_manager import AccountManager, AsyncAccountManager
from tenantry.sdk.client import AsyncClient, Client
from tenantry.sdk.decision_cache import DecisionCache

__all__ = ["AccountManager", "AsyncAccountManager", "AsyncClient", "Client", "DecisionCache"]
