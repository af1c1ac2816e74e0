"""How a modification says what to change and what to leave."""

from tenantry.kernel.modifier import OptionalState, TriState

__all__ = ["OptionalState", "TriState"]
