"""Storage: vfolders as directories below configured roots."""

from tenantry.adapters.storage.local import LocalStorage

__all__ = ["LocalStorage"]
