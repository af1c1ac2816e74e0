"""The last look of a purge: whether anything of the user is left outside the database.

The steps have removed it and the records say so; here storage and agents are asked themselves,
and whatever turns up after all is removed. The live samples in Valkey are dropped.
"""

import asyncio
from uuid import UUID

from tenantry.errors import ConnectionError, UserPurgeFailure
from tenantry.users.ports import FolderStore, SampleStore, SessionHost
from tenantry.users.purging import Outcome, Outside

ANSWER_SECONDS = 10.0
"""Whoever is asked and silent for longer cannot be reached."""
REMOVE_SECONDS = 60.0
"""What cannot be removed in this time is gone on with when the job is tried again."""
_AT_ONCE = 1000


class Leftovers:
    """Looks behind the records. What cannot be reached is named, and hinders nothing.

    An agent that comes back ends by itself what no record knows of; samples expire in an hour.
    """

    def __init__(
        self,
        *,
        storage_manager: FolderStore,
        agent_registry: SessionHost,
        valkey_stat_client: SampleStore,
    ) -> None:
        self._storage = storage_manager
        self._agents = agent_registry
        self._samples = valkey_stat_client

    async def clear(self, outside: Outside) -> Outcome:
        """Make sure that nothing is left; UserPurgeFailure where something cannot be removed."""
        unreachable: list[str] = []
        folders = sessions = samples = 0
        for agent, session_ids in outside.sessions.items():
            try:
                await self._end(agent, set(session_ids))
                sessions += len(session_ids)
            except (ConnectionError, TimeoutError):
                unreachable.append(f"agent {agent}")
        for host, folder_ids in outside.folders.items():
            try:
                await self._delete(host, folder_ids)
                folders += len(folder_ids)
            except (ConnectionError, TimeoutError):
                unreachable.append(f"storage {host}")
        try:
            for session_ids in outside.sessions.values():
                for start in range(0, len(session_ids), _AT_ONCE):
                    async with asyncio.timeout(ANSWER_SECONDS):
                        await self._samples.drop_samples(session_ids[start : start + _AT_ONCE])
                samples += len(session_ids)
        except (ConnectionError, TimeoutError):
            unreachable.append("valkey")
        return {
            "compute_sessions": sessions,
            "folders": folders,
            "samples": samples,
            "unreachable": unreachable,
        }

    async def _end(self, agent: str, session_ids: set[UUID]) -> None:
        left = await self._running(agent) & session_ids
        if not left:
            return
        try:
            async with asyncio.timeout(REMOVE_SECONDS):
                for session_id in left:
                    await self._agents.terminate_session(agent, session_id)
                ended = not await self._running(agent) & session_ids
        except (ConnectionError, TimeoutError):
            ended = False
        if not ended:
            raise UserPurgeFailure(f"Agent {agent} does not end a compute session of the user.")

    async def _running(self, agent: str) -> set[UUID]:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await self._agents.list_sessions(agent)

    async def _delete(self, host: str, folder_ids: list[UUID]) -> None:
        for folder_id in folder_ids:
            if not await self._exists(host, folder_id):
                continue
            try:
                async with asyncio.timeout(REMOVE_SECONDS):
                    await self._storage.delete_folder(host, folder_id)
                gone = not await self._exists(host, folder_id)
            except (ConnectionError, TimeoutError):
                gone = False
            if not gone:
                message = f"Storage {host} does not delete vfolder {folder_id} of the user."
                raise UserPurgeFailure(message)

    async def _exists(self, host: str, folder_id: UUID) -> bool:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await self._storage.folder_exists(host, folder_id)
