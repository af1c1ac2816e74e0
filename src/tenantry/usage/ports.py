"""What the statistics need of Valkey: the latest sample of each live compute session."""

from collections.abc import Iterable
from typing import Protocol
from uuid import UUID

from tenantry.compute.ports import Sample


class ValkeyStatClient(Protocol):
    """Live samples. They may be lost at any time; closed bins never depend on them.

    Raises ConnectionError, within 250 ms, when Valkey cannot be reached.
    """

    async def put_samples(self, samples: Iterable[Sample]) -> None:
        """Remember these as the latest, in one round trip."""

    async def get_samples(self, session_ids: Iterable[UUID]) -> dict[UUID, Sample]:
        """The latest samples in one round trip; none for a session that has none."""

    async def drop_samples(self, session_ids: Iterable[UUID]) -> None:
        """Forget them."""
