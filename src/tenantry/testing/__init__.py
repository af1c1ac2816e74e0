"""What tests of and with Tenantry need; ``tenantry.testing.fixtures`` is a plugin for pytest."""

from tenantry.testing.scenarios import TestScenario, expected_user

__all__ = ["TestScenario", "expected_user"]
