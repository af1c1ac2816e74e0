"""Scenarios of an action: an input and what it must come to."""

from tenantry.testing.scenarios import TestScenario

__all__ = ["TestScenario"]
