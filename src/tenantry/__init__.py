"""Tenantry: the account system for multi-tenant data and compute platforms."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenantry import errors as errors
    from tenantry.app import open_app as open_app
    from tenantry.sdk import AccountManager as AccountManager
    from tenantry.sdk import AsyncAccountManager as AsyncAccountManager
    from tenantry.sdk import AsyncClient as AsyncClient
    from tenantry.sdk import Client as Client
    from tenantry.sdk import DecisionCache as DecisionCache

_PLACES = {
    "AccountManager": "tenantry.sdk",
    "AsyncAccountManager": "tenantry.sdk",
    "AsyncClient": "tenantry.sdk",
    "Client": "tenantry.sdk",
    "DecisionCache": "tenantry.sdk",
    "open_app": "tenantry.app",
}
__all__ = [
    "AccountManager",
    "AsyncAccountManager",
    "AsyncClient",
    "Client",
    "DecisionCache",
    "errors",
    "open_app",
]


def __getattr__(name: str) -> object:
    """Import what is asked for, so that a client does not pay for the server."""
    if name == "errors":
        return import_module("tenantry.errors")
    if name not in _PLACES:
        raise AttributeError(f"module 'tenantry' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
