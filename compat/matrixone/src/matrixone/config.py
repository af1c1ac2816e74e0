"""Where the client finds its server: Tenantry's own rules, and `MATRIXONE_*` after `TENANTRY_*`."""

from functools import partial

from tenantry.config import get_connection_params as _get_connection_params

get_connection_params = partial(_get_connection_params, prefixes=("TENANTRY_", "MATRIXONE_"))

__all__ = ["get_connection_params"]
