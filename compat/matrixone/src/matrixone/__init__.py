"""The import path `matrixone`, answered by Tenantry's clients."""

from tenantry import AsyncClient, Client

__all__ = ["AsyncClient", "Client"]
