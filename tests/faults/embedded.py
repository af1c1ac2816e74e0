"""The whole system in this process, on servers of its own that tests may kill."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.adapters.process import processes_in
from tenantry.app import App, open_app
from tenantry.kernel.modifier import TriState
from tenantry.settings import Settings
from tenantry.testing.users import ADMIN_PASSWORD
from tenantry.users.actions import CreateUserAction, ModifyUserAction
from tenantry.users.model import UserCreator, UserModifier


@dataclass(frozen=True)
class Embedded:
    """An app and the server below it."""

    app: App
    postgres: EmbeddedPostgres

    async def create(self, name: str) -> int:
        """Make a user; its version."""
        action = CreateUserAction(input=UserCreator(username=name))
        return (await self.app.users.create_user.wait_for_complete(action)).data.version

    async def describe(self, name: str, description: str) -> int:
        """Change a user; its version."""
        modifier = UserModifier(description=TriState.update(description))
        action = ModifyUserAction(user=name, modifier=modifier)
        return (await self.app.users.modify_user.wait_for_complete(action)).data.version

    def kill_postgres(self) -> None:
        """End every process of the server at once, as a power cut would."""
        for pid in processes_in(self.postgres.cluster, "postgres"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def settings_in(folder: Path) -> Settings:
    """Everything embedded, commits durable, hashing made cheap."""
    return Settings(
        port=0,
        data_dir=folder,
        admin_password=ADMIN_PASSWORD,
        hash_memory_kib=8,
        hash_time_cost=1,
    )


@asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[Embedded]:
    """The system in this folder, with a hand on the server that it started."""
    async with open_app(settings_in(folder), upkeep=False) as app:
        with EmbeddedPostgres(folder / "postgres") as postgres:
            yield Embedded(app, postgres)
