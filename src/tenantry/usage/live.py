"""The latest samples, where Valkey has them; where it does not, everything goes on without."""

import logging
from collections.abc import Collection, Iterable
from uuid import UUID

from tenantry.compute.ports import Sample
from tenantry.errors import ConnectionError
from tenantry.usage.model import Reading, seconds
from tenantry.usage.ports import ValkeyStatClient
from tenantry.users.ports import SampleStore

logger = logging.getLogger(__name__)


class LiveSamples:
    """Valkey's samples. ``reachable`` says whether the last question was answered."""

    def __init__(self, samples: SampleStore) -> None:
        self._samples = samples
        self.reachable = True

    async def readings(self, session_ids: Collection[UUID]) -> dict[UUID, Reading]:
        """The latest reading of each session that has one."""
        if not session_ids:
            return {}
        try:
            found = await self._samples.get_samples(session_ids)
        except ConnectionError:
            self._note(reachable=False)
            return {}
        self._note(reachable=True)
        return {session_id: reading_of(sample) for session_id, sample in found.items()}

    async def drop(self, session_ids: Collection[UUID]) -> None:
        """Forget samples, if possible; they would vanish of themselves."""
        try:
            await self._samples.drop_samples(session_ids)
        except ConnectionError:
            self._note(reachable=False)

    def _note(self, *, reachable: bool) -> None:
        if reachable != self.reachable:
            logger.warning("live samples are %s", "back" if reachable else "out of reach")
        self.reachable = reachable


class CollectedSamples(LiveSamples):
    """The same for who collects samples, too."""

    def __init__(self, valkey_stat_client: ValkeyStatClient) -> None:
        super().__init__(valkey_stat_client)
        self._valkey = valkey_stat_client

    async def put(self, samples: Iterable[Sample]) -> None:
        """Remember samples, if possible."""
        try:
            await self._valkey.put_samples(samples)
        except ConnectionError:
            self._note(reachable=False)


def reading_of(sample: Sample) -> Reading:
    """What counts of a sample here."""
    return Reading(
        seconds(sample.at), sample.io_read_bytes, sample.io_write_bytes, sample.disk_bytes
    )
