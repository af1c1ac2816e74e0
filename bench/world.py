"""A running Tenantry with very many users in it, loaded by COPY and kept for the next run."""

import asyncio
import hashlib
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import anyio.to_thread
import asyncpg
from argon2 import PasswordHasher, Type
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import people
from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.adapters.postgres.migrate import SCRIPTS, migrate
from tenantry.app import App, open_app
from tenantry.settings import Settings
from tenantry.users.queries import COLUMNS

PASSWORD = "a sound passphrase of the bench"
PORTION = 10_000
DEFAULTS = Settings()
OWNER, APPLICATION, DATABASE = "tenantry_owner", "tenantry_app", "postgres"


@dataclass(frozen=True)
class World:
    """An app, and beside it a bare connection of the same rights to the same database."""

    folder: Path
    users: int
    app: App
    bare: asyncpg.Connection
    owner: asyncpg.Connection

    async def some_usernames(self, most: int) -> list[str]:
        """Usernames of active users from all over the table, the same ones every time."""
        step = max(1, self.users // most)
        rows = await self.owner.fetch(
            "select username_key from (select username_key, status, row_number() over"
            " (order by id) as number from users where role = 'user') as numbered"
            " where number % $1 = 0 and status = 'active' order by number limit $2",
            step,
            most,
        )
        return [row["username_key"] for row in rows]


@asynccontextmanager
async def opened(folder: Path, users: int, console: Console) -> AsyncIterator[World]:
    """The world in this folder, made first where there is none of this size and schema."""
    settings = Settings(data_dir=folder, port=0, admin_password=PASSWORD)
    _forget_another(folder, users)
    server = EmbeddedPostgres(folder / "postgres")
    await anyio.to_thread.run_sync(server.start)
    try:
        await migrate(server.dsn(OWNER, DATABASE))
        async with open_app(settings) as app:
            owner = await asyncpg.connect(server.dsn(OWNER, DATABASE), timeout=10)
            bare = await asyncpg.connect(server.dsn(APPLICATION, DATABASE), timeout=10)
            try:
                if not _label(folder).exists():
                    await _populate(owner, users, console)
                    _label(folder).write_text(_described(users))
                yield World(folder, users, app, bare, owner)
            finally:
                await asyncio.gather(owner.close(timeout=5), bare.close(timeout=5))
    finally:
        await anyio.to_thread.run_sync(server.stop)


def _label(folder: Path) -> Path:
    return folder / "world.json"


def _described(users: int) -> str:
    steps = sorted((SCRIPTS / "versions").glob("[0-9]*.py"))
    schema = hashlib.sha256(b"".join(step.read_bytes() for step in steps)).hexdigest()
    return json.dumps({"users": users, "schema": schema})


def _forget_another(folder: Path, users: int) -> None:
    """Throw an older world away, but nothing that is not a world, or one half made."""
    label = _label(folder)
    if label.exists() and label.read_text() == _described(users):
        return
    if label.exists() or (folder / "world.begun").exists():
        shutil.rmtree(folder)
    elif folder.exists() and any(folder.iterdir()):
        raise SystemExit(f"{folder} holds something else; name another folder with --data.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "world.begun").touch()


async def _populate(owner: asyncpg.Connection, users: int, console: Console) -> None:
    if users == 0:
        return
    tenant_id = await owner.fetchval("select id from tenants where name_key = 'default'")
    rows = people.rows(users, tenant_id=tenant_id, password_hash=sample_hash())
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        indexes = await _without_indexes(owner)
        loading = progress.add_task(f"copying {users:,} users", total=users)
        while portion := list(islice(rows, PORTION)):
            await owner.copy_records_to_table("users", records=portion, columns=list(COLUMNS))
            progress.update(loading, advance=len(portion))
        building = progress.add_task("building indexes", total=len(indexes) + 1)
        await owner.execute("set maintenance_work_mem = '512MB'")
        for definition in indexes:
            await owner.execute(definition)
            progress.update(building, advance=1)
        await owner.execute("vacuum (analyze) users")
        await owner.execute("checkpoint")
        progress.update(building, advance=1)


async def _without_indexes(owner: asyncpg.Connection) -> list[str]:
    """Drop the indexes that no constraint needs; the statements that make them again."""
    found = await owner.fetch(
        "select indexrelid::regclass as name, pg_get_indexdef(indexrelid) as definition"
        " from pg_index where indrelid = 'users'::regclass and not indisunique"
    )
    for row in found:
        await owner.execute(f"drop index {row['name']}")
    return [row["definition"] for row in found]


def sample_hash() -> str:
    """Of PASSWORD, at the cost that logins have; one for all, so that loading takes no hours."""
    hasher = PasswordHasher(
        time_cost=DEFAULTS.hash_time_cost,
        memory_cost=DEFAULTS.hash_memory_kib,
        parallelism=DEFAULTS.hash_parallelism,
        type=Type.ID,
    )
    return hasher.hash(PASSWORD)
