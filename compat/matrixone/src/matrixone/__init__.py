"""The import path `matrixone`, answered by Tenantry's client."""

from tenantry import Client

__all__ = ["Client"]
