"""The errors that account code catches; they are Tenantry's own classes."""

from tenantry.errors import (
    AccountError,
    AuthenticationError,
    ConnectionError,
    PermissionError,
)

__all__ = ["AccountError", "AuthenticationError", "ConnectionError", "PermissionError"]
