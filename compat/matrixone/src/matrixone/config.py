"""Where the client finds its server: Tenantry's own rules."""

from tenantry.config import get_connection_params

__all__ = ["get_connection_params"]
