"""A Valkey for samples that only pretends: it can be away, and it can lose everything."""

from collections.abc import Iterable
from uuid import UUID

from tenantry.compute.ports import Sample
from tenantry.errors import ConnectionError


class FakeStatistics:
    """Samples in memory. ``calls`` counts the round trips."""

    def __init__(self) -> None:
        self.away = False
        self.calls = 0
        self._samples: dict[UUID, Sample] = {}

    async def put_samples(self, samples: Iterable[Sample]) -> None:
        self._reach()
        self._samples |= {sample.id: sample for sample in samples}

    async def get_samples(self, session_ids: Iterable[UUID]) -> dict[UUID, Sample]:
        self._reach()
        return {key: self._samples[key] for key in session_ids if key in self._samples}

    async def drop_samples(self, session_ids: Iterable[UUID]) -> None:
        self._reach()
        for key in session_ids:
            self._samples.pop(key, None)

    def flush(self) -> None:
        """Lose everything."""
        self._samples.clear()

    def _reach(self) -> None:
        self.calls += 1
        if self.away:
            raise ConnectionError("Valkey does not answer.")
